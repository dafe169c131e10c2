"""What a pull needs to know of a layer, learnt in one pass over its compressed bytes.

Inflating, hashing and whatever else wants the tar take about as long as the network, and release the
interpreter lock: with `threads` each has a thread of its own, and a layer takes as long as the slowest of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from shale.layer.behind import Behind
from shale.layer.compression import Compression, Decompressor
from shale.layer.scan import TarScan
from shale.oci.digest import DiffID

__all__ = ["Counts", "LayerFacts", "LayerScanner", "TakeTar"]

TakeTar = Callable[[bytes | memoryview], None]
"""Is given a layer's tar piece by piece, in order; a piece is valid only during the call."""

_CHUNKS: Final = 8
"""Chunks, as large as those who feed make them, before the thread that inflates."""
_PIECES: Final = 4
"""Pieces of at most 1 MiB before the thread that hashes, and as many before the one of who else wants them."""


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


class Counts(NamedTuple):
    """The totals of an archive.

    Attributes:
        entries: how many it has.
        content_size: bytes of their files, as Docker counts the SIZE of an image.
    """

    entries: int
    content_size: int


class _Tally:
    """The DiffID of uncompressed bytes, and their totals where nobody else counts."""

    def __init__(self, *, count: bool) -> None:
        self._hasher = hashlib.sha256()
        self._size = 0
        self._scan = TarScan() if count else None

    def take(self, piece: bytes | memoryview) -> None:
        self._hasher.update(piece)
        self._size += len(piece)
        if self._scan is not None:
            self._scan.feed(piece)

    def facts(self, compression: Compression, counted: Counts | None) -> LayerFacts:
        if self._scan is not None:
            self._scan.close()
            counted = Counts(self._scan.entries, self._scan.content_size)
        assert counted is not None
        return LayerFacts(
            diff_id=DiffID.from_hasher("sha256", self._hasher),
            tar_size=self._size,
            content_size=counted.content_size,
            entries=counted.entries,
            compression=compression,
        )


def _kept(piece: bytes | memoryview) -> bytes:
    """A piece for later: copied only where somebody could overwrite it."""
    if isinstance(piece, memoryview) and isinstance(piece.obj, bytes) and len(piece.obj) == piece.nbytes:
        return piece.obj
    return bytes(piece)


class _Line:
    """Inflating, and those who want what comes of it, each in a thread of its own."""

    def __init__(self, decompressor: Decompressor, consumers: Mapping[str, TakeTar]) -> None:
        self._decompressor = decompressor
        self._consuming = [Behind(consume, _PIECES, f"shale-{name}") for name, consume in consumers.items()]
        self._inflating = Behind(self._inflate, _CHUNKS, "shale-inflate")

    def _inflate(self, chunk: bytes) -> None:
        for piece in self._decompressor.feed(chunk):
            kept = _kept(piece)
            for consumer in self._consuming:
                consumer.put(kept)

    def feed(self, chunk: bytes | memoryview) -> None:
        self._inflating.put(_kept(chunk))

    def finish(self) -> None:
        """Wait for all that was fed; raise what was wrong with it."""
        self.stop()
        for thread in (self._inflating, *self._consuming):
            thread.check()

    def stop(self) -> None:
        # In this order: the one that inflates may be waiting for room before the others.
        for thread in (self._inflating, *self._consuming):
            thread.stop()


class LayerScanner:
    """Takes a layer's compressed bytes as they arrive, and says what the layer is.

    Use it as a context manager, so that its threads end whatever happens. Not for use by two threads at
    once. Whoever feeds it is held back while it is behind: at most eight chunks and six pieces of 1 MiB
    wait inside.

    Args:
        threads: whether to inflate in a second thread and hash in a third; worth it from a MiB on.
        limit: bytes to which the layer may decompress; None for any number.
        tar: is given the tar too, with `threads` in a fourth thread; what it raises comes as from the scanner.
        count: false where who takes the tar reads the archive anyhow: it is not read here then, and `result`
            must be told the totals.
    """

    def __init__(
        self,
        *,
        threads: bool = False,
        limit: int | None = None,
        tar: TakeTar | None = None,
        count: bool = True,
    ) -> None:
        self._decompressor = Decompressor(limit)
        self._ended = False
        self._tally = _Tally(count=count)
        self._consumers: dict[str, TakeTar] = {"diffid": self._tally.take}
        if tar is not None:
            self._consumers["layer"] = tar
        self._line = _Line(self._decompressor, self._consumers) if threads else None

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
            self._pass_on(piece)

    def end(self) -> None:
        """Say that the blob has ended: who takes the tar has got all of it afterwards. Once is enough.

        Raises:
            CorruptStream: it ended inside the compressed stream.
            InvalidTar: see `feed`.
        """
        if self._ended:
            return
        if self._line is not None:
            self._line.finish()
        held = self._decompressor.close()
        if held:
            self._pass_on(held)
        self._ended = True

    def result(self, counted: Counts | None = None) -> LayerFacts:
        """Say that the blob has ended, and what the layer is.

        Args:
            counted: the totals, where they are not counted here.

        Raises:
            CorruptStream, InvalidTar: see `end`.
            TruncatedTar: it ended inside the archive.
        """
        self.end()
        return self._tally.facts(self._decompressor.compression, counted)

    def _pass_on(self, piece: bytes | memoryview) -> None:
        for consume in self._consumers.values():
            consume(piece)

    def close(self) -> None:
        """End the threads; what was found is lost unless `result` has been asked."""
        if self._line is not None:
            self._line.stop()
