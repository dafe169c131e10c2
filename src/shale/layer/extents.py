"""Collecting the map of a sparse file from a stream: it stands in the blocks after the header.

Specification: GNU tar manual "Storing Sparse Files" (old GNU, pax 0.0, 0.1, 1.0).
"""

from __future__ import annotations

from collections.abc import Callable

from shale.layer.field import BLOCK, SPECIAL_LIMIT, InvalidTar, number
from shale.layer.header import Format, Header
from shale.layer.sparse import Extent, check_extents, map_in_block, map_in_body, map_in_records, map_length

__all__ = ["SparseMaps"]


class SparseMaps:
    """Reads maps in all four forms.

    Args:
        collect: has its second argument called with as many bytes of the stream as the first one says.
        entry: called with the header, its extents filled in, and how many bytes of the body are to come.
    """

    def __init__(
        self, collect: Callable[[int, Callable[[bytes], None]], None], entry: Callable[[Header, int], None]
    ) -> None:
        self._collect = collect
        self._entry = entry

    def in_records(self, header: Header) -> None:
        """Of pax 0.0 and 0.1: it is all there already."""
        extents = map_in_records(header.records, header.offset)
        self._entry(_with_extents(header, extents, header.stored), header.stored)

    def in_header(self, header: Header, block: bytes) -> None:
        """Of old GNU tar: four extents in the header block, more in blocks of their own."""
        if header.format is not Format.GNU:
            raise InvalidTar("a sparse file in the form of GNU tar has another writer's header", header.offset)
        size = number(block[483:495], "size", header.offset)
        if size < 0:
            raise InvalidTar(f"the size {size} is negative", header.offset)
        self._extend(header._replace(size=size), [], map_in_block(block, header.offset, extension=False))

    def _extend(self, header: Header, known: list[Extent], found: tuple[list[Extent], bool]) -> None:
        """Take the extents that one block had, and those of the blocks after it while there are more."""
        extents, more = found
        known += extents
        if 24 * len(known) > SPECIAL_LIMIT:
            raise InvalidTar("a sparse map has more than 1 MiB", header.offset)
        if not more:
            self._entry(_with_extents(header, known, header.stored), header.stored)
            return

        def extension(block: bytes) -> None:
            self._extend(header, known, map_in_block(block, header.offset, extension=True))

        self._collect(BLOCK, extension)

    def in_body(self, header: Header) -> None:
        """Of pax 1.0: before the bytes of the file, as many blocks as it takes."""
        blocks = bytearray()
        missing = 1

        def more(block: bytes) -> None:
            nonlocal missing
            if not blocks:
                missing = map_length(block, header.offset)
            blocks.extend(block)
            missing -= block.count(b"\n")
            if missing > 0:
                collect()
                return
            rest = header.stored - len(blocks)
            extents = map_in_body(bytes(blocks), header.offset)
            self._entry(_with_extents(header, extents, rest), rest)

        def collect() -> None:
            if len(blocks) + BLOCK > min(header.stored, SPECIAL_LIMIT):
                raise InvalidTar("a sparse map is longer than its file, or than 1 MiB", header.offset)
            self._collect(BLOCK, more)

        collect()


def _with_extents(header: Header, extents: list[Extent], stored: int) -> Header:
    return header._replace(extents=check_extents(extents, header.size, stored, header.offset))
