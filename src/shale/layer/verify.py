"""What a pull needs to know of a layer, learnt in one pass over its compressed bytes.

Inflating and hashing take about as long as the network, and both release the interpreter lock: with
`threads` each has a thread of its own, and a layer takes as long as the slowest of them.
"""

from __future__ import annotations

import hashlib
from types import TracebackType
from typing import Final, Self

import msgspec

from shale.layer.behind import Behind
from shale.layer.compression import Compression, Decompressor
from shale.layer.scan import TarScan
from shale.oci.digest import DiffID

__all__ = ["LayerFacts", "LayerScanner"]

_CHUNKS: Final = 8
"""Chunks, as large as those who feed make them, before the thread that inflates."""
_PIECES: Final = 4
"""Pieces of at most 1 MiB before the thread that hashes."""


class LayerFacts(msgspec.Struct, frozen=True):
    """What one pass over a layer finds.

    Attributes:
        diff_id: the hash of the uncompressed bytes, those after the end of the archive included.
        tar_size: how many these are.
        content_size: bytes of the files, as Docker counts the SIZE of an image.
        entries: how many the archive has.
        compression: what the bytes themselves say, whatever the media type says.
    """

    diff_id: DiffID
    tar_size: int
    content_size: int
    entries: int
    compression: Compression


class _Tally:
    """The DiffID and the totals of uncompressed bytes."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self._scan = TarScan()

    def take(self, piece: bytes | memoryview) -> None:
        self._hasher.update(piece)
        self._scan.feed(piece)

    def facts(self, compression: Compression) -> LayerFacts:
        self._scan.close()
        return LayerFacts(
            diff_id=DiffID.from_hasher("sha256", self._hasher),
            tar_size=self._scan.position,
            content_size=self._scan.content_size,
            entries=self._scan.entries,
            compression=compression,
        )


class _Line:
    """Inflating and tallying, each in a thread behind the other."""

    def __init__(self, decompressor: Decompressor, tally: _Tally) -> None:
        self._decompressor = decompressor
        self._tallying = Behind(tally.take, _PIECES, "shale-diffid")
        self._inflating = Behind(self._inflate, _CHUNKS, "shale-inflate")

    def _inflate(self, chunk: bytes) -> None:
        for piece in self._decompressor.feed(chunk):
            self._tallying.put(bytes(piece))

    def feed(self, chunk: bytes | memoryview) -> None:
        self._inflating.put(bytes(chunk))

    def finish(self) -> None:
        """Wait for all that was fed; raise what was wrong with it."""
        self.stop()
        self._inflating.check()
        self._tallying.check()

    def stop(self) -> None:
        # In this order: the one that inflates may be waiting for room before the other.
        self._inflating.stop()
        self._tallying.stop()


class LayerScanner:
    """Takes a layer's compressed bytes as they arrive, and says what the layer is.

    Use it as a context manager, so that its threads end whatever happens. Not for use by two threads at
    once. Whoever feeds it is held back while it is behind: at most eight chunks and five pieces of 1 MiB
    wait inside.

    Args:
        threads: whether to inflate in a second thread and hash in a third; worth it from a MiB on.
        limit: bytes to which the layer may decompress; None for any number.
    """

    def __init__(self, *, threads: bool = False, limit: int | None = None) -> None:
        self._decompressor = Decompressor(limit)
        self._tally = _Tally()
        self._line = _Line(self._decompressor, self._tally) if threads else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the blob; they may be overwritten once this returns.

        Raises:
            CorruptStream: the compressed bytes are damaged.
            OutputLimit: the layer is larger than allowed.
            WindowTooLarge: it is compressed with zstd and asks for more memory than allowed.
            InvalidTar: what it decompresses to is no tar archive.
            With threads each of them may come some calls later, with `result` at the latest.
        """
        if self._line is not None:
            self._line.feed(chunk)
            return
        for piece in self._decompressor.feed(chunk):
            self._tally.take(piece)

    def result(self) -> LayerFacts:
        """Say that the blob has ended, and what the layer is.

        Raises:
            CorruptStream: it ended inside the compressed stream.
            TruncatedTar: it ended inside the archive.
            InvalidTar: see `feed`.
        """
        if self._line is not None:
            self._line.finish()
        held = self._decompressor.close()
        if held:
            self._tally.take(held)
        return self._tally.facts(self._decompressor.compression)

    def close(self) -> None:
        """End the threads; what was found is lost unless `result` has been asked."""
        if self._line is not None:
            self._line.stop()
