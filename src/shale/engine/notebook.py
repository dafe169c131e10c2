"""How an image shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shale.engine.images import Image

__all__ = ["image_table"]


def image_table(image: Image) -> str:
    """An image as a table of its layers, in HTML; every text of the image is escaped."""
    title = escape(", ".join(image.tags) or image.id)
    rows = "".join(
        f"<tr><td><code>{escape(layer.digest[7:19])}</code></td><td>{layer.size:,}</td>"
        f"<td>{layer.content_size:,}</td><td><code>{escape(layer.created_by)}</code></td></tr>"
        for layer in image.layers
    )
    platform = escape(image.platform.platform)
    return (
        f"<table><caption>{title} &middot; {platform} &middot; {image.size:,} bytes</caption>"
        "<thead><tr><th>Layer</th><th>Compressed</th><th>Files</th><th>Created by</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
