"""Bytes behind the end of a file, in the block of the tar where it ends.

They should be zeros, and a program that maps the file into memory counts on that: it sees the whole block.
Some writers of old left there what was in their buffer. Such files are copied when the index is written.
"""

from __future__ import annotations

from typing import Final

from shale.snapshot.erofs.layout import BLOCK

__all__ = ["Remains"]

_LAST: Final = BLOCK - 1


class Remains:
    """Watches a tar stream by. Not for use by two threads at once.

    Attributes:
        found: where the files begin in the tar that have something behind them.
    """

    def __init__(self) -> None:
        self.found: set[int] = set()
        self._expected: list[tuple[int, int]] = []

    def expect(self, begin: int, end: int) -> None:
        """Say that there is a file, where it begins and ends in the tar; only where it ends inside a block."""
        self._expected.append((begin, end))

    def look(self, piece: bytes | memoryview, at: int) -> None:
        """Look at a piece of the tar after the files that begin in it have been expected.

        Args:
            piece: in order, none left out.
            at: where in the tar it is.
        """
        end = at + len(piece)
        done = 0
        for begin, first in self._expected:
            if first >= end:
                break
            after = (first | _LAST) + 1
            if bytes(piece[first - at if first > at else 0 : after - at]).strip(b"\0"):
                self.found.add(begin)
            if after > end:
                break
            done += 1
        del self._expected[:done]
