"""Sparse files: which parts of a file the archive stores, in the four forms that GNU tar has written.

Specification: GNU tar manual "Storing Sparse Files" (old GNU, pax 0.0, 0.1, 1.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from shale.layer.field import LARGEST, InvalidTar, decimal, number

__all__ = ["Extent", "check_extents", "map_in_block", "map_in_body", "map_in_records", "map_length", "version"]

_IN_HEADER: Final = (386, 4, 482)
_IN_EXTENSION: Final = (0, 21, 504)


class Extent(NamedTuple):
    """A part of a sparse file that the archive stores; what lies between the parts is zeros.

    Attributes:
        offset: of the first byte in the file.
        length: bytes.
    """

    offset: int
    length: int


def version(records: Mapping[bytes, bytes]) -> str:
    """The pax sparse format in use: `0`, `1`, or empty where the file is not sparse or the format unknown."""
    major, minor = records.get(b"GNU.sparse.major", b""), records.get(b"GNU.sparse.minor", b"")
    if (major, minor) == (b"1", b"0"):
        return "1"
    if (major, minor) in ((b"0", b"0"), (b"0", b"1")):
        return "0"
    return "0" if not major and not minor and records.get(b"GNU.sparse.map") else ""


def map_in_block(block: bytes, offset: int, *, extension: bool) -> tuple[list[Extent], bool]:
    """The extents in an old GNU header block or in an extension block, and whether one more block follows.

    Raises:
        InvalidTar: a field that is not a number.
    """
    start, count, more = _IN_EXTENSION if extension else _IN_HEADER
    extents = []
    for at in range(start, start + 24 * count, 24):
        if not block[at]:  # as GNU and BSD tar end the list
            break
        begin = number(block[at : at + 12], "sparse offset", offset)
        extents.append(Extent(begin, number(block[at + 12 : at + 24], "sparse length", offset)))
    return extents, block[more] != 0


def map_in_records(records: Mapping[bytes, bytes], offset: int) -> list[Extent]:
    """The extents of pax formats 0.0 and 0.1.

    Raises:
        InvalidTar: a list that is malformed or not of the length it should have.
    """
    count = decimal(records.get(b"GNU.sparse.numblocks", b""), "number of sparse blocks", offset)
    listed = records.get(b"GNU.sparse.map", b"")
    numbers = listed.split(b",") if listed else []
    if len(numbers) != 2 * count:
        raise InvalidTar("the sparse map has not the length that it should have", offset)
    return _pairs(numbers, offset)


def map_length(begun: bytes, offset: int) -> int:
    """How many lines the map of a pax 1.0 file has, given at least its first block.

    Raises:
        InvalidTar: the first line is not a count.
    """
    first, newline, _ = begun.partition(b"\n")
    count = decimal(first, "number of sparse blocks", offset) if newline else -1
    if not 0 <= count <= LARGEST // 2:
        raise InvalidTar("the sparse map does not begin with a count", offset)
    return 1 + 2 * count


def map_in_body(blocks: bytes, offset: int) -> list[Extent]:
    """The extents of pax format 1.0, from the blocks that stand before the file's stored bytes.

    Raises:
        InvalidTar: a line that is not a number.
    """
    lines = map_length(blocks, offset)
    return _pairs(blocks.split(b"\n", lines)[1:lines], offset)


def _pairs(numbers: list[bytes], offset: int) -> list[Extent]:
    values = [decimal(value, "sparse map", offset) for value in numbers]
    return [Extent(*pair) for pair in zip(values[::2], values[1::2], strict=True)]


def check_extents(extents: list[Extent], size: int, stored: int, offset: int) -> tuple[Extent, ...]:
    """The extents, once they are known to lie in order inside the file and to use all stored bytes.

    Args:
        extents: as read.
        size: of the file in bytes, holes and all.
        stored: bytes of it that the archive holds.
        offset: of the header, for errors.

    Raises:
        InvalidTar: they overlap, go back, leave the file, or store more or less than the archive holds.
    """
    end = total = 0
    for extent in extents:
        if extent.length < 0 or extent.offset < end or extent.offset + extent.length > size:
            raise InvalidTar("the sparse map is out of order or leaves the file", offset)
        end = extent.offset + extent.length
        total += extent.length
    if total != stored:
        raise InvalidTar(f"the sparse map has {total} bytes where the archive stores {stored}", offset)
    return tuple(extents)
