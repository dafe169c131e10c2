"""The inodes of a layer in the order of their numbers, until all are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shale.snapshot.erofs.layout import BLOCK, SLOT

__all__ = ["Inodes"]

_FIRST: Final = 2 * SLOT
"""The first inode is number 2: programs take number 0 for no file."""
_IN_BLOCK: Final = BLOCK - 1
_BATCH: Final = 8192


class Inodes:
    """Gives inodes their numbers. Not for use by two threads at once.

    One that fits in a block is not cut by its end: what is stored in line could not be read otherwise.

    Attributes:
        count: how many there are.
    """

    def __init__(self) -> None:
        self.count = 0
        self._pieces = [bytes(_FIRST)]
        self._size = _FIRST

    def place(self, record: bytes) -> int:
        """Take an inode that is complete, a multiple of 32 bytes, and give its number."""
        length = len(record)
        over = (self._size & _IN_BLOCK) + length - BLOCK
        if 0 < over < length <= BLOCK:
            self._pieces.append(bytes(length - over))
            self._size += length - over
        number = self._size // SLOT
        self._pieces.append(record)
        self._size += length
        self.count += 1
        return number

    def expect(self, length: int) -> tuple[int, int]:
        """Keep a place for an inode of so many bytes, and give its number and the place."""
        number = self.place(bytes(-(-length // SLOT) * SLOT))
        return number, len(self._pieces) - 1

    def put(self, place: int, record: bytes) -> None:
        """Fill a place that was kept."""
        assert len(record) == len(self._pieces[place])
        self._pieces[place] = record

    def pieces(self) -> Iterator[bytes]:
        """All of them, as they follow each other."""
        for at in range(0, len(self._pieces), _BATCH):
            yield b"".join(self._pieces[at : at + _BATCH])
