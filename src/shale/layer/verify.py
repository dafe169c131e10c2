"""What a pull needs to know of a layer, learnt in one pass over its compressed bytes.

Inflating and hashing take about as long as the network, and both release the interpreter lock: with
`threads` they run side by side, and a layer takes as long as the slower of the two.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Final, Self

from shale.layer.compression import Compression, Decompressor
from shale.layer.scan import TarScan
from shale.oci.digest import DiffID

__all__ = ["LayerFacts", "LayerScanner"]

_QUEUED: Final = 8
"""Pieces of at most 1 MiB between the two threads."""


@dataclass(frozen=True, slots=True)
class LayerFacts:
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


class _TallyThread:
    """A `_Tally` that works in a thread of its own, behind a bounded queue."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._pieces: Queue[bytes | None] = Queue(_QUEUED)
        self._failure: BaseException | None = None
        # A daemon, so that an interpreter that is on its way out does not wait for a scan nobody closed.
        self._thread = Thread(target=self._run, name="shale-diffid", daemon=True)
        self._thread.start()

    def take(self, piece: bytes | memoryview) -> None:
        if self._failure is not None:
            raise self._failure
        self._pieces.put(bytes(piece))

    def stop(self) -> None:
        """Let the thread finish what it was given."""
        if self._thread.is_alive():
            self._pieces.put(None)
            self._thread.join()

    def facts(self, compression: Compression) -> LayerFacts:
        self.stop()
        if self._failure is not None:
            raise self._failure
        return self._tally.facts(compression)

    def _run(self) -> None:
        # After a failure the queue is still emptied, so that nobody waits to put into it.
        while (piece := self._pieces.get()) is not None:
            if self._failure is None:
                try:
                    self._tally.take(piece)
                except BaseException as failure:  # noqa: BLE001 (handed to the thread that feeds)
                    self._failure = failure


class LayerScanner:
    """Takes a layer's compressed bytes as they arrive, and says what the layer is.

    Use it as a context manager, so that its thread ends whatever happens. Not for use by two threads at
    once. Whoever feeds it is held back while it is behind: at most some 10 MiB wait inside.

    Args:
        threads: whether to hash in a second thread; worth it from a few MiB on.
        limit: bytes to which the layer may decompress; None for any number.
    """

    def __init__(self, *, threads: bool = False, limit: int | None = None) -> None:
        self._decompressor = Decompressor(limit)
        tally = _Tally()
        self._tally: _Tally | _TallyThread = _TallyThread(tally) if threads else tally

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
            InvalidTar: what it decompresses to is no tar archive (with threads: perhaps a call later).
        """
        for piece in self._decompressor.feed(chunk):
            self._tally.take(piece)

    def result(self) -> LayerFacts:
        """Say that the blob has ended, and what the layer is.

        Raises:
            CorruptStream: it ended inside the compressed stream.
            TruncatedTar: it ended inside the archive.
            InvalidTar: see `feed`.
        """
        held = self._decompressor.close()
        if held:
            self._tally.take(held)
        return self._tally.facts(self._decompressor.compression)

    def close(self) -> None:
        """End the thread; what was found is lost unless `result` has been asked."""
        if isinstance(self._tally, _TallyThread):
            self._tally.stop()
