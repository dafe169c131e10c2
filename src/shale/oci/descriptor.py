"""Descriptors: what points at content (image-spec descriptor.md)."""

from __future__ import annotations

import binascii
from typing import Annotated

import msgspec

from shale.errors import Invalid
from shale.oci.digest import Digest
from shale.oci.platform import Platform

__all__ = ["Descriptor", "InvalidDescriptor", "MediaType", "Size"]

Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Bytes; image-spec says int64 and not negative."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
MediaType = Annotated[str, msgspec.Meta(pattern=rf"\A{_NAME}/{_NAME}\Z")]
"""RFC 6838 section 4.2, as descriptor.md demands: so it is safe as the value of a header, too."""


class InvalidDescriptor(Invalid, ValueError):
    """A descriptor carries content that is not what it says.

    A ValueError as well, because msgspec adds to those where in a document they were raised.
    """


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Type, digest and size of some content, and what is said about it.

    Attributes:
        media_type: the type of the content.
        digest: the hash of its bytes.
        size: how many bytes it has.
        urls: other places that serve it; shale never fetches from them unless told to.
        annotations: free text pairs; never used as paths or options.
        data: the content itself in base64, where it is small; it has the size and the digest above, or no
            descriptor can be made (InvalidDescriptor; in a document, InvalidDocument).
        artifact_type: the type of the artifact, when the content is a manifest of one.
        platform: the platform it is for, when it stands in an index.
    """

    media_type: MediaType
    digest: Digest
    size: Size
    urls: tuple[str, ...] | None = None
    annotations: dict[str, str] | None = None
    data: str | None = None
    artifact_type: MediaType | None = None
    platform: Platform | None = None

    def __post_init__(self) -> None:
        if self.data is None:
            return
        try:
            content = binascii.a2b_base64(self.data, strict_mode=True)
        except (binascii.Error, ValueError):
            raise InvalidDescriptor(f"the data of descriptor {self.digest} is not base64") from None
        hasher = self.digest.new_hasher()
        hasher.update(content)
        if len(content) != self.size or hasher.hexdigest() != self.digest.encoded:
            raise InvalidDescriptor(f"the data of descriptor {self.digest} has another size or digest")
