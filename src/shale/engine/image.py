"""One image, looked into: what `Images.get` and `Images.pull` return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from shale.image.history import Layer
from shale.image.listing import ImageSummary, PlatformSummary

__all__ = ["Image"]


class Image(msgspec.Struct, frozen=True):
    """An image of the store, looked into.

    Attributes:
        summary: names, digests, dates, sizes.
        platform: the platform that was looked at; None for an artifact, which has none.
        layers: base first.
        document: everything, as `docker image inspect` shows it.
    """

    summary: ImageSummary
    platform: PlatformSummary | None
    layers: tuple[Layer, ...]
    document: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The image id, `sha256:...`; for an artifact, its digest."""
        return str(self.platform.id if self.platform else self.summary.id)

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the image, as people write them."""
        return tuple(name.familiar for name in self.summary.names)

    @property
    def size(self) -> int:
        """Bytes of its files; for an artifact, of its blobs."""
        return self.platform.size if self.platform else sum(layer.size for layer in self.layers)

    def _repr_html_(self) -> str:
        """A notebook shows the image as a table of its layers."""
        return _table(self)


def _table(image: Image) -> str:
    """An image as a table of its layers, in HTML; every text of the image is escaped."""
    from html import escape  # noqa: PLC0415 - only in a notebook

    title = escape(", ".join(image.tags) or image.id)
    rows = "".join(
        f"<tr><td><code>{escape(layer.digest[7:19])}</code></td><td>{layer.size:,}</td>"
        f"<td>{layer.content_size:,}</td><td><code>{escape(layer.created_by)}</code></td></tr>"
        for layer in image.layers
    )
    platform = escape(image.platform.platform) if image.platform else "artifact"
    return (
        f"<table><caption>{title} &middot; {platform} &middot; {image.size:,} bytes</caption>"
        "<thead><tr><th>Layer</th><th>Compressed</th><th>Files</th><th>Created by</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
