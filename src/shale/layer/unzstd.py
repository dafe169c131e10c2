"""zstd, undone: frames in a row, skippable ones passed over, checksums verified.

A frame may ask for a window of up to 128 MiB, what the zstd command allows without being told otherwise:
the window is memory that whoever wrote the layer spends on our side.

Specification: RFC 8878.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from shale.errors import Unsupported
from shale.layer.frames import FIRST_STEP, LARGEST_STEP, PIECE, CorruptStream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["WINDOW_LIMIT", "WindowTooLarge", "ZstdDecoder", "header_window"]

WINDOW_LIMIT: Final = 1 << 27
"""Bytes of window that a frame may ask for."""

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"


class WindowTooLarge(Unsupported):
    """A frame asks for more memory than a reader should spend.

    Attributes:
        window: bytes that it asks for.
    """

    window: int

    def __init__(self, window: int) -> None:
        super().__init__(
            f"a zstd frame asks for a window of {window} bytes, more than {WINDOW_LIMIT}: "
            "compress the layer again without --long or --ultra"
        )
        self.window = window


def header_window(begun: bytes) -> int | None:
    """Bytes of window that the zstd frame which `begun` starts with asks for; None while that is not known.

    Args:
        begun: the first bytes of a frame that is not skippable, its magic number checked.
    """
    if len(begun) < 6:
        return None
    descriptor = begun[4]
    if not descriptor & 0x20:
        unit = 1 << 10 + (begun[5] >> 3)
        return unit + (unit >> 3) * (begun[5] & 7)
    # A single segment: the window is the content, whose size stands after the dictionary's number.
    start = 5 + (0, 1, 2, 4)[descriptor & 3]
    width = (1, 2, 4, 8)[descriptor >> 6]
    if len(begun) < start + width:
        return None
    return int.from_bytes(begun[start : start + width], "little")


class ZstdDecoder:
    """A `Decoder` of zstd."""

    def __init__(self) -> None:
        self._frame: zstd.ZstdDecompressor | None = None
        self._header = b""
        self._skip = 0
        self._step = FIRST_STEP
        self._frames = 0

    def feed(self, chunk: memoryview) -> Iterator[bytes]:
        """Take input, and give output; see `Decoder`.

        Raises:
            WindowTooLarge: a frame asks for more than WINDOW_LIMIT.
        """
        at = 0
        while at < len(chunk):
            frame = self._frame
            if self._skip:
                passed = min(self._skip, len(chunk) - at)
                self._skip -= passed
                at += passed
            elif frame is None:
                at += 1
                yield from self._open(chunk[at - 1 : at])
            else:
                part = chunk[at : at + self._step]
                self._step = min(2 * self._step, LARGEST_STEP)
                yield from _decompress(frame, part)
                at += len(part)
                if frame.eof:
                    at -= len(frame.unused_data)
                    self._frame = None

    def close(self) -> None:
        """Say that the input has ended; see `Decoder`."""
        if self._frame is not None or self._header or self._skip or not self._frames:
            raise CorruptStream("the zstd stream is cut off")

    def _open(self, byte: memoryview) -> Iterator[bytes]:
        """Take one more byte of the header of the next frame; give the output that the header makes: none."""
        begun = self._header + byte
        self._header = begun
        if begun[1:4] == _SKIPPABLE[: len(begun) - 1] and begun[0] & 0xF0 == 0x50:
            if len(begun) == 8:
                self._skip = int.from_bytes(begun[4:], "little")
                self._frames += 1
                self._header = b""
            return
        if begun[:4] != _MAGIC[: len(begun)]:
            raise CorruptStream("the stream is not zstd, or goes on with something else after zstd")
        window = header_window(begun)
        if window is None:
            return
        if window > WINDOW_LIMIT:
            raise WindowTooLarge(window)
        self._frame = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: WINDOW_LIMIT.bit_length() - 1}
        )
        self._frames += 1
        self._header = b""
        self._step = FIRST_STEP
        yield from _decompress(self._frame, begun)


def _decompress(frame: zstd.ZstdDecompressor, part: bytes | memoryview) -> Iterator[bytes]:
    data = part
    while True:
        try:
            piece = frame.decompress(data, PIECE)
        except zstd.ZstdError as problem:
            raise CorruptStream(f"the zstd stream is damaged: {problem}") from problem
        if piece:
            yield piece
        if frame.eof or frame.needs_input:
            return
        data = b""
