"""A layer's compression, found by its first bytes and undone as it streams.

Media types are not believed: registries and proxies change the one without the other. Libraries are
imported with the first layer that needs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Final, cast

from shale.layer.frames import PIECE, CorruptStream, Decoder, OutputLimit
from shale.oci.mediatype import Compression

__all__ = ["Compression", "CorruptStream", "Decompressor", "OutputLimit", "detect"]

_MAGIC_LENGTH: Final = 4


def detect(begun: bytes) -> Compression:
    """What the first four bytes of a stream (or all, where it has fewer) say of its compression."""
    if begun.startswith(b"\x1f\x8b\x08"):
        return Compression.GZIP
    skippable = begun[1:4] == b"\x2a\x4d\x18" and begun[0] & 0xF0 == 0x50
    return Compression.ZSTD if skippable or begun.startswith(b"\x28\xb5\x2f\xfd") else Compression.NONE


class _Stored:
    """The `Decoder` of what is not compressed."""

    def feed(self, chunk: memoryview) -> Iterator[memoryview]:
        for at in range(0, len(chunk), PIECE):
            yield chunk[at : at + PIECE]

    def close(self) -> None:
        """Nothing can be cut off."""


def _decoder(compression: Compression) -> Decoder:
    if compression is Compression.NONE:
        return _Stored()
    if compression is Compression.GZIP:
        return cast("Decoder", import_module("shale.layer.gunzip").GzipDecoder())
    return cast("Decoder", import_module("shale.layer.unzstd").ZstdDecoder())


class Decompressor:
    """Undoes whatever compression a stream has: none, gzip, zstd, several frames of them included.

    Memory is bounded: pieces of output have at most 1 MiB, windows at most 128 MiB. Not for use by two
    threads at once. After an error it is of no more use.

    Args:
        limit: bytes of output that are allowed; None for any number.

    Attributes:
        produced: bytes of output so far.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.produced = 0
        self._limit = limit
        self._begun = b""
        self._found: Compression | None = None
        self._decoder: Decoder | None = None

    @property
    def compression(self) -> Compression:
        """What the stream is compressed with, as far as its bytes so far say."""
        return self._found or detect(self._begun)

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """Take the next bytes, and give what they decompress to, in pieces of at most 1 MiB.

        Nothing happens until the result is iterated; iterate it to its end before the next call, and leave
        `chunk` as it is until then. Pieces of a stream that is not compressed are views of `chunk`.

        Raises:
            CorruptStream: the bytes are damaged, or something else follows the compressed stream.
            OutputLimit: there is more output than allowed.
            WindowTooLarge: a zstd frame asks for more memory than allowed.
        """
        view = memoryview(chunk)
        decoder = self._decoder
        if decoder is None:
            missing = _MAGIC_LENGTH - len(self._begun)
            self._begun += bytes(view[:missing])
            if len(self._begun) < _MAGIC_LENGTH:
                return
            view = view[missing:]
            decoder = self._start()
            yield from self._counted(decoder.feed(memoryview(self._begun)))
        yield from self._counted(decoder.feed(view))

    def close(self) -> bytes:
        """Say that the stream has ended, and give the output that was held back: at most 3 bytes.

        Raises:
            CorruptStream: it was cut off.
            OutputLimit: there is more output than allowed.
        """
        held = b""
        if self._decoder is None:
            held = b"".join(self._counted(self._start().feed(memoryview(self._begun))))
        assert self._decoder is not None
        self._decoder.close()
        return held

    def _start(self) -> Decoder:
        self._found = detect(self._begun)
        self._decoder = _decoder(self._found)
        return self._decoder

    def _counted(self, pieces: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        for piece in pieces:
            self.produced += len(piece)
            if self._limit is not None and self.produced > self._limit:
                raise OutputLimit(self._limit)
            yield piece
