"""A layer's tar, read from its blob: what a mountable layer is made from where it is not made by a pull."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from shale.layer.compression import Decompressor
from shale.layer.frames import PIECE, CorruptStream
from shale.layer.limits import LayerLimits
from shale.layer.verify import Counts, LayerFacts, LayerScanner
from shale.oci.digest import Digest
from shale.snapshot.form import Built
from shale.store.blobs import BlobDamaged, Blobs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["TarReader", "open_tar", "scan_blob"]

_READ: Final = 256 * 1024


class TarReader(Protocol):
    """Reads the tar of a layer."""

    def feed(self, piece: bytes | memoryview, /) -> None:
        """Take the next bytes, perhaps in a thread of its own; what it raises is raised by `scan_blob`."""

    def finish(self) -> Built:
        """Say that all have come."""


def scan_blob(blobs: Blobs, digest: Digest, reader: TarReader, check: Callable[[], None]) -> LayerFacts:
    """Read a layer once: hand out its tar, and say what it is.

    Args:
        blobs: where it is.
        digest: which.
        reader: is given the tar, and counts what is in it.
        check: called often; it may raise to stop.

    Raises:
        BlobNotFound: it is not here.
        BlobDamaged: it cannot be decompressed.
        OutputLimit: it decompresses to more than any layer may.
        InvalidTar: what it decompresses to is no archive.
    """
    buffer = memoryview(bytearray(_READ))
    limit = LayerLimits().inflated(blobs.size(digest))
    with (
        blobs.open(digest) as blob,
        LayerScanner(threads=True, limit=limit, tar=reader.feed, count=False) as scanner,
    ):
        try:
            while count := blob.readinto(buffer):  # type: ignore[attr-defined]  # BinaryIO lacks it
                check()
                scanner.feed(buffer[:count])
            scanner.end()
            built = reader.finish()
            return scanner.result(Counts(built.entries, built.content_size))
        except CorruptStream as error:
            raise BlobDamaged(digest, error.message) from error


def open_tar(blobs: Blobs, digest: Digest) -> BinaryIO:
    """The tar of a layer as a file that can be read from its beginning to its end; the caller closes it.

    Raises:
        BlobNotFound: the blob is not here.
    """
    return BufferedReader(_BlobTar(blobs.open(digest), LayerLimits().inflated(blobs.size(digest))), PIECE)


class _BlobTar(RawIOBase):
    """What a blob decompresses to."""

    def __init__(self, blob: BinaryIO, limit: int) -> None:
        self._blob = blob
        self._limit = limit
        self._pieces = self._inflated()
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """The next bytes; none at the end."""
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        room = memoryview(buffer).cast("B")
        count = min(len(room), len(self._piece))
        room[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count

    def _inflated(self) -> Iterator[bytes | memoryview]:
        decompressor = Decompressor(self._limit)
        while chunk := self._blob.read(_READ):
            yield from decompressor.feed(chunk)
        yield decompressor.close()

    def close(self) -> None:
        """Close the blob."""
        self._blob.close()
        super().close()
