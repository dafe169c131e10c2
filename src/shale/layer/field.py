"""The fields of a tar header block: text, octal and base-256 numbers, the checksum.

Readers of the field differ in what they forgive. shale forgives what Go's archive/tar forgives, because the
engines that wrote and read the world's layers are built on it.

Specification: POSIX pax "ustar Interchange Format"; GNU tar manual "Basic Tar Format", "Extensions".
"""

from __future__ import annotations

import re
from typing import Final
from zlib import adler32

from shale.errors import Invalid

__all__ = [
    "BLOCK",
    "LARGEST",
    "SPECIAL_LIMIT",
    "InvalidTar",
    "TruncatedTar",
    "checksums",
    "decimal",
    "number",
    "octal",
    "padding",
    "text",
]

BLOCK: Final = 512
"""Bytes of a header block; bodies are padded to multiples of it."""

LARGEST: Final = 2**63 - 1
"""The largest size, time or owner that any reader of the field can hold."""

SPECIAL_LIMIT: Final = 1 << 20
"""The most bytes of pax records, of a long name, or of a sparse map that are read for one entry."""

_OCTAL: Final = re.compile(rb"[0-7]{1,22}\Z")
_DECIMAL: Final = re.compile(rb"[+-]?0*[0-9]{1,19}\Z")


class InvalidTar(Invalid):
    """The bytes are not a tar archive that shale accepts.

    Attributes:
        offset: the byte of the uncompressed stream at which the header or block in question begins.
    """

    offset: int

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(f"invalid tar archive: {problem}, at byte {offset}")
        self.offset = offset


class TruncatedTar(InvalidTar):
    """The stream ended inside an entry."""


def padding(size: int) -> int:
    """Bytes from the end of a body of `size` bytes to the next block."""
    return -size % BLOCK


def text(field: bytes) -> bytes:
    """The bytes before the first NUL: names are bytes, and need not be UTF-8."""
    return field.partition(b"\0")[0]


def octal(field: bytes, what: str, offset: int) -> int:
    """Read an octal number, padded with spaces or NULs on either side; an empty field is 0.

    Raises:
        InvalidTar: other characters, or more than 64 bits.
    """
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        return 0
    value = int(digits, 8) if _OCTAL.match(digits) else -1
    if not 0 <= value <= LARGEST:
        raise InvalidTar(f"the {what} {field!r} is not an octal number", offset)
    return value


def number(field: bytes, what: str, offset: int) -> int:
    """Read an octal number, or one in base 256 (first bit set, two's complement, big-endian).

    The result may be negative: times may be, sizes are checked by the caller.

    Raises:
        InvalidTar: neither form, or more than 64 bits.
    """
    if not field[0] & 0x80:
        return octal(field, what, offset)
    bits = 8 * len(field) - 1
    value = int.from_bytes(field, "big") & ((1 << bits) - 1)
    if field[0] & 0x40:
        value -= 1 << bits
    if not -LARGEST - 1 <= value <= LARGEST:
        raise InvalidTar(f"the {what} does not fit in 64 bits", offset)
    return value


def decimal(field: bytes, what: str, offset: int) -> int:
    """Read a decimal number of a pax record.

    Raises:
        InvalidTar: other characters, or more than 64 bits.
    """
    value = int(field) if _DECIMAL.match(field) and len(field) <= BLOCK else LARGEST + 1
    if not -LARGEST - 1 <= value <= LARGEST:
        raise InvalidTar(f"the {what} {field[:40]!r} is not a number of 64 bits", offset)
    return value


def checksums(block: bytes) -> tuple[int, int]:
    """The sums of a header block's bytes, unsigned and signed, with the checksum field taken as spaces.

    POSIX says unsigned; old writers summed signed characters.
    """
    # The lower half of adler32 is 1 + the sum of the bytes, exact for as few as 256 of them: ten times
    # faster than sum().
    total = (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
    total += 8 * ord(" ") - sum(block[148:156])
    if block.isascii():
        return total, total
    high = sum(1 for byte in block[:148] + block[156:] if byte & 0x80)
    return total, total - 256 * high
