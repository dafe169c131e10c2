"""What the verbs need of a place that holds images: a registry, the store, an archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

import msgspec

from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest

__all__ = ["BlobSink", "Destination", "Document", "Outcome", "Source"]


class Document(msgspec.Struct, frozen=True):
    """A manifest or an index as it came.

    Attributes:
        raw: the bytes; `digest` is of these.
        media_type: what they are.
        digest: computed by us, never taken from a header.
    """

    raw: bytes
    media_type: str
    digest: Digest


class BlobSink(Protocol):
    """Takes the bytes of one blob in order; what it has got already need not be sent again."""

    @property
    def offset(self) -> int:
        """Bytes that it has."""

    @property
    def etag(self) -> str | None:
        """The server's tag that came with those bytes, for If-Range."""

    def write(self, chunk: memoryview, /) -> None:
        """Take the next bytes; the view is valid only during the call."""

    def restart(self) -> None:
        """Forget everything: the bytes come from the beginning."""

    def remember(self, etag: str | None, /) -> None:
        """Keep the server's tag for whoever continues."""


class Source(Protocol):
    """Where images are read from."""

    def document(self, reference: Digest | str) -> Document:
        """A manifest or an index, by digest or by tag, verified where a digest was given.

        Raises:
            NotFound: it is not there.
        """

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring a blob into a sink, continuing at its offset; the sink verifies."""


class Outcome(msgspec.Struct, frozen=True):
    """What putting a blob took.

    Attributes:
        existed: it was there already.
        mounted_from: the repository that it was mounted from; empty where it was not.
    """

    existed: bool = False
    mounted_from: str = ""


class Destination(Protocol):
    """Where images are written to."""

    def put_blob(
        self, descriptor: Descriptor, open_at: Callable[[int], BinaryIO], progress: Callable[[int], None]
    ) -> Outcome:
        """Bring a blob there, unless it is there.

        Args:
            descriptor: what it is.
            open_at: opens the bytes at an offset; called again where the transfer was cut.
            progress: told the number of bytes sent so far.
        """

    def put_document(self, document: Document, tag: str | None = None) -> None:
        """Bring a manifest or an index there, under a tag or under its digest only."""
