"""Compressing the layers that shale writes: the same bytes from the same tar, on every machine.

gzip is made in blocks of 1 MiB by as many threads as there are, each block primed with the 32 KiB before it
(as pigz does it), so the bytes depend neither on the number of threads nor on how the input is cut. The
encoder is zlib and not isal, whose bytes depend on the processor. They may still differ between versions
of zlib: a digest is taken of what was written, never foretold.

Specification: RFC 1952, RFC 8878.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from shale.oci.mediatype import Compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Compressor", "GzipCompressor", "StoredCompressor", "ZstdCompressor", "compressor"]

_BLOCK: Final = 1 << 20
_WINDOW: Final = 1 << 15
# No name, no time, no operating system: nothing in it tells where or when it was written.
_HEADER: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


class Compressor(Protocol):
    """A stream being compressed; give it all input, then ask for the rest of the output."""

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """Take input, and give what output is ready; to be iterated to the end, `chunk` unchanged."""

    def finish(self) -> Iterator[bytes]:
        """Say that the input has ended, and give the rest of the output."""

    def close(self) -> None:
        """Let go of threads, whether or not the stream was finished."""


def compressor(compression: Compression, *, level: int | None = None, threads: int = 1) -> Compressor:
    """A fresh stream.

    Args:
        compression: the form to write.
        level: of gzip 1 to 9, by default 6; of zstd 1 to 22, by default 3.
        threads: how many may work at gzip.
    """
    if compression is Compression.GZIP:
        return GzipCompressor(6 if level is None else level, threads)
    return (
        ZstdCompressor(3 if level is None else level) if compression is Compression.ZSTD else StoredCompressor()
    )


class StoredCompressor:
    """No compression."""

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """See `Compressor`."""
        yield bytes(chunk)

    def finish(self) -> Iterator[bytes]:
        """See `Compressor`."""
        return iter(())

    def close(self) -> None:
        """See `Compressor`."""


class ZstdCompressor:
    """One zstd frame with a checksum, made by one thread.

    Args:
        level: 1 to 22.
    """

    def __init__(self, level: int) -> None:
        parameter = zstd.CompressionParameter
        self._frame = zstd.ZstdCompressor(
            options={int(parameter.compression_level): level, int(parameter.checksum_flag): 1}
        )
        # Where libzstd is given its input in other pieces, it may end its blocks elsewhere.
        self._pending = bytearray()

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """See `Compressor`."""
        for block in _blocks(self._pending, chunk):
            if packed := self._frame.compress(block):
                yield packed

    def finish(self) -> Iterator[bytes]:
        """See `Compressor`."""
        yield self._frame.compress(bytes(self._pending)) + self._frame.flush()
        self._pending.clear()

    def close(self) -> None:
        """See `Compressor`."""


class GzipCompressor:
    """One gzip member, made by several threads.

    Args:
        level: 1 to 9.
        threads: how many.
    """

    def __init__(self, level: int, threads: int) -> None:
        self._level = level
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="shale-gzip")
        self._under_way: deque[Future[bytes]] = deque()
        self._most = 2 * threads
        self._pending = bytearray()
        self._before = b""
        self._sum = self._length = 0
        self._begun = False

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """See `Compressor`."""
        yield from self._header()
        for block in _blocks(self._pending, chunk):
            self._submit(block, last=False)
            while len(self._under_way) > self._most:
                yield self._under_way.popleft().result()

    def finish(self) -> Iterator[bytes]:
        """See `Compressor`."""
        yield from self._header()
        self._submit(bytes(self._pending), last=True)
        self._pending.clear()
        while self._under_way:
            yield self._under_way.popleft().result()
        yield struct.pack("<II", self._sum, self._length & 0xFFFFFFFF)
        self.close()

    def close(self) -> None:
        """See `Compressor`."""
        self._pool.shutdown(cancel_futures=True)

    def _header(self) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            yield _HEADER

    def _submit(self, block: bytes, *, last: bool) -> None:
        # The sum is taken here, in order: it is fast, and sums of parts need not be combined then.
        self._sum = zlib.crc32(block, self._sum)
        self._length += len(block)
        self._under_way.append(self._pool.submit(_deflate, block, self._before, self._level, last=last))
        self._before = block[-_WINDOW:]


def _deflate(block: bytes, before: bytes, level: int, *, last: bool) -> bytes:
    """One block of a raw deflate stream; all but the last end on a byte, so that the next can be joined."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, before)
    return stream.compress(block) + stream.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def _blocks(pending: bytearray, chunk: bytes | memoryview) -> Iterator[bytes]:
    """Cut the stream of chunks into blocks of one size; what is left stays in `pending`."""
    view = memoryview(chunk)
    while len(pending) + len(view) >= _BLOCK:
        missing = _BLOCK - len(pending)
        block = bytes(pending) + view[:missing]
        pending.clear()
        view = view[missing:]
        yield block
    pending += view
