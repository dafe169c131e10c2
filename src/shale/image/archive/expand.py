"""Undoing the compression of a whole archive: gzip and zstd as of layers, bzip2 and xz besides.

docker, podman and tar accept all four, found by their first bytes. Memory is bounded: xz may not ask for more
than 256 MiB, and output comes in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, cast

from shale.layer.compression import Decompressor, detect
from shale.layer.frames import PIECE, CorruptStream, Decoder
from shale.oci.mediatype import Compression

__all__ = ["MAGIC", "Expander", "is_compressed"]

MAGIC: Final = 6
"""How many first bytes tell what a stream is."""

_XZ: Final = b"\xfd7zXZ\0"
_BZIP2: Final = b"BZh"
_XZ_MEMORY: Final = 256 << 20


def is_compressed(begun: bytes) -> bool:
    """Whether the first `MAGIC` bytes are those of a compression."""
    return detect(begun) is not Compression.NONE or begun.startswith((_XZ, _BZIP2))


class _Streams:
    """xz or bzip2: streams in a row; zeros after an xz stream are padding (xz file format, 2.2)."""

    def __init__(self, module: str, padded: bool) -> None:  # noqa: FBT001 - two call sites, both below
        self._library = import_module(module)
        self._padded = padded
        self._stream: Any = None

    def _new(self) -> Any:
        if self._padded:
            return self._library.LZMADecompressor(self._library.FORMAT_XZ, memlimit=_XZ_MEMORY)
        return self._library.BZ2Decompressor()

    def feed(self, chunk: memoryview) -> Iterator[bytes]:
        data = bytes(chunk)
        failures = (OSError, EOFError, getattr(self._library, "LZMAError", OSError))
        try:
            while data or (self._stream is not None and not self._stream.needs_input):
                if self._stream is None:
                    data = data.lstrip(b"\0") if self._padded else data
                    if not data:
                        return
                    self._stream = self._new()
                piece = self._stream.decompress(data, PIECE)
                data = b""
                if piece:
                    yield piece
                if self._stream.eof:
                    data, self._stream = self._stream.unused_data, None
        except failures as error:
            raise CorruptStream(f"the archive's compression is damaged: {error}") from error

    def close(self) -> None:
        if self._stream is not None:
            raise CorruptStream("the archive's compression was cut off")


class _Layer:
    """gzip, zstd or nothing, as layers have it."""

    def __init__(self) -> None:
        self._decompressor = Decompressor()

    def feed(self, chunk: memoryview) -> Iterator[bytes | memoryview]:
        return self._decompressor.feed(chunk)

    def close(self) -> None:
        # What it could hold back are three bytes of a stream shorter than its own first bytes.
        self._decompressor.close()


class Expander:
    """A stream of which compression, if any, is undone; not for use by two threads at once."""

    def __init__(self, begun: bytes) -> None:
        """Prepare.

        Args:
            begun: the first `MAGIC` bytes, or all where there are fewer; they are to be fed too.
        """
        self._decoder: Decoder
        if begun.startswith(_XZ):
            self._decoder = cast("Decoder", _Streams("lzma", padded=True))
        elif begun.startswith(_BZIP2):
            self._decoder = cast("Decoder", _Streams("bz2", padded=False))
        else:
            self._decoder = cast("Decoder", _Layer())

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """Take input, and give output; to be iterated to the end, `chunk` unchanged until then.

        Raises:
            CorruptStream: the input is damaged.
        """
        return self._decoder.feed(memoryview(chunk))

    def close(self) -> None:
        """Say that the input has ended.

        Raises:
            CorruptStream: it was cut off.
        """
        self._decoder.close()
