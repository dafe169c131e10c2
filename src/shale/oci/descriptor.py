"""Descriptors: what points at content (image-spec descriptor.md)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from shale.oci.digest import Digest
from shale.oci.platform import Platform

__all__ = ["Descriptor", "Size"]

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Bytes; image-spec says int64 and not negative."""


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Type, digest and size of some content, and what is said about it.

    Attributes:
        media_type: the type of the content.
        digest: the hash of its bytes.
        size: how many bytes it has.
        urls: other places that serve it; shale never fetches from them unless told to.
        annotations: free text pairs; never used as paths or options.
        data: the content itself in base64, where it is small.
        artifact_type: the type of the artifact, when the content is a manifest of one.
        platform: the platform it is for, when it stands in an index.
    """

    media_type: str
    digest: Digest
    size: Size
    urls: tuple[str, ...] | None = None
    annotations: dict[str, str] | None = None
    data: str | None = None
    artifact_type: str | None = None
    platform: Platform | None = None
