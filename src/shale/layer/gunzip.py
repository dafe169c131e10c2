"""gzip, undone: members in a row, each verified by its CRC and length.

Zeros after the last member are passed over (tapes and some registries' proxies pad); anything else there is
refused, as Go's reader refuses it, because bytes that one reader sees and another does not hide things.

Specification: RFC 1952.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol, cast

from shale.layer.frames import FIRST_STEP, LARGEST_STEP, PIECE, CorruptStream

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this machine: the standard library does the same at half the speed
    isal_zlib = None  # type: ignore[assignment]
    _DAMAGE: tuple[type[Exception], ...] = (zlib.error,)
else:
    _DAMAGE = (zlib.error, cast("type[Exception]", isal_zlib.error))

__all__ = ["GzipDecoder", "header_length"]

_PLAIN_HEADER: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_HEADER_LIMIT: Final = 1 << 18
_HEADER_STEP: Final = 1 << 10
_CRC, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes | memoryview, max_length: int, /) -> bytes: ...


def header_length(begun: bytes) -> int | None:
    """Bytes of the member header that `begun` starts with; None while it is not whole.

    Raises:
        CorruptStream: it is no gzip header, or absurdly long.
    """
    if not b"\x1f\x8b\x08".startswith(begun[:3]) or (len(begun) > 3 and begun[3] & 0xE0):
        raise CorruptStream("the stream is not gzip, or goes on with something else after gzip")
    if len(begun) > _HEADER_LIMIT:
        raise CorruptStream("a gzip header has more than 256 KiB")
    if len(begun) < 10:
        return None
    flags, end = begun[3], 10
    if flags & _EXTRA:
        end += 2 + int.from_bytes(begun[10:12], "little")
        if len(begun) < end:
            return None
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = begun.find(b"\0", end) + 1
            if not end:
                return None
    return _checked_end(begun, end) if flags & _CRC else end


def _checked_end(begun: bytes, end: int) -> int | None:
    """The end of the checksum that follows the optional fields, which end at `end`."""
    if len(begun) < end + 2:
        return None
    if zlib.crc32(begun[:end]) & 0xFFFF != int.from_bytes(begun[end : end + 2], "little"):
        raise CorruptStream("the checksum of a gzip header is wrong")
    return end + 2


class GzipDecoder:
    """A `Decoder` of gzip.

    Args:
        accelerated: whether to use isal where it is installed.
    """

    def __init__(self, *, accelerated: bool = True) -> None:
        self._library = isal_zlib if accelerated and isal_zlib is not None else zlib
        self._member: _Inflater | None = None
        self._header = b""
        self._step = FIRST_STEP
        self._members = 0
        self._padded = False

    def feed(self, chunk: memoryview) -> Iterator[bytes]:
        """Take input, and give output; see `Decoder`."""
        at = 0
        while at < len(chunk):
            member = self._member
            if member is None:
                at += self._open(chunk[at:])
                continue
            part = chunk[at : at + self._step]
            self._step = min(2 * self._step, LARGEST_STEP)
            yield from _inflate(member, part)
            at += len(part)
            if member.eof:
                at -= len(member.unused_data)
                self._member = None

    def close(self) -> None:
        """Say that the input has ended; see `Decoder`."""
        if self._member is not None or self._header or not self._members:
            raise CorruptStream("the gzip stream is cut off")

    def _open(self, rest: memoryview) -> int:
        """Read the header of the next member, or the padding after the last, and say how long that is."""
        if self._padded or (self._members and not self._header and rest[0] == 0):
            self._padded = True
            if bytes(rest).strip(b"\0"):
                raise CorruptStream("something else follows the padding after a gzip stream")
            return len(rest)
        taken = bytes(rest[:_HEADER_STEP])
        begun = self._header + taken
        length = header_length(begun)
        if length is None:
            self._header = begun
            return len(taken)
        used = length - len(self._header)
        self._header = b""
        self._members += 1
        self._step = FIRST_STEP
        self._member = self._library.decompressobj(31)
        # isal loses its place in a header that comes in pieces, so it is given one without optional fields.
        self._member.decompress(_PLAIN_HEADER, PIECE)
        return used


def _inflate(member: _Inflater, part: memoryview) -> Iterator[bytes]:
    data: bytes | memoryview = part
    while True:
        try:
            piece = member.decompress(data, PIECE)
        except _DAMAGE as problem:
            raise CorruptStream(f"the gzip stream is damaged: {problem}") from problem
        if piece:
            yield piece
        data = member.unconsumed_tail
        # A full piece may have left more to come even where all input is taken.
        if member.eof or (not data and len(piece) < PIECE):
            return
