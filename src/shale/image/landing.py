"""Where copies go: the port that folders, tars and registries implement, and the check of what arrives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from shale.image.graph import Graph
from shale.image.ports import Document, Outcome, Source
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.ingest import DigestMismatch, SizeMismatch

__all__ = ["CheckedSink", "Label", "Landing"]


class Label(msgspec.Struct, frozen=True):
    """What an image is to be called where it goes.

    Attributes:
        text: as it stands after `oci:FOLDER:`, for the annotation of a layout; or the tag on a registry.
        reference: a whole name.
    """

    text: str | None = None
    reference: Reference | None = None


class Landing(Protocol):
    """Takes images: blobs first, then documents, the root with its names last."""

    @property
    def jobs(self) -> int:
        """How many blobs at a time."""

    def take(self, source: Source, descriptor: Descriptor, progress: Callable[[int], None]) -> Outcome:
        """Bring a blob here from a source, verified, unless it is here.

        Args:
            source: where from.
            descriptor: what it is.
            progress: told the number of bytes so far; it may raise to stop.

        Raises:
            DigestMismatch, SizeMismatch: what came is something else.
        """

    def put_document(self, document: Document) -> None:
        """Bring a manifest or an index here, without a name."""

    def put_root(self, graph: Graph, labels: Sequence[Label]) -> None:
        """Bring the root of a graph here, all of which is here already, and name it."""


class CheckedSink:
    """A sink that hashes what goes by."""

    def __init__(
        self,
        descriptor: Descriptor,
        write: Callable[[memoryview], object],
        again: Callable[[], None],
        progress: Callable[[int], None],
    ) -> None:
        """Prepare.

        Args:
            descriptor: what should come.
            write: takes the bytes.
            again: forgets them.
            progress: told their number.
        """
        self._descriptor = descriptor
        self._write = write
        self._again = again
        self._progress = progress
        self._hasher = descriptor.digest.new_hasher()
        self.offset = 0
        self.etag: str | None = None

    def write(self, chunk: memoryview, /) -> None:
        """See `BlobSink`; never more bytes than the descriptor says.

        Raises:
            SizeMismatch: there are more.
        """
        size = self._descriptor.size
        if self.offset + len(chunk) > size:
            raise SizeMismatch(self._descriptor.digest, size, self.offset + len(chunk))
        self._hasher.update(chunk)
        self._write(chunk)
        self.offset += len(chunk)
        self._progress(self.offset)

    def restart(self) -> None:
        """See `BlobSink`."""
        self._again()
        self._hasher = self._descriptor.digest.new_hasher()
        self.offset = 0

    def remember(self, etag: str | None, /) -> None:
        """See `BlobSink`."""
        self.etag = etag

    def verify(self) -> None:
        """Compare all that came with the descriptor.

        Raises:
            DigestMismatch, SizeMismatch: it is something else.
        """
        wanted = self._descriptor
        if self.offset != wanted.size:
            raise SizeMismatch(wanted.digest, wanted.size, self.offset)
        found = Digest.from_hasher(wanted.digest.algorithm, self._hasher)
        if found != wanted.digest:
            raise DigestMismatch(wanted.digest, found)
