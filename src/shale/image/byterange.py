"""A part of a file that several may read at once, each at its own place."""

from __future__ import annotations

import io
import os
from typing import Any

from shale.linux.durable import disk_errors

__all__ = ["ByteRange"]


class ByteRange(io.RawIOBase):
    """Reads from an offset to an end, by the descriptor of a file; closing it does not close that."""

    def __init__(self, handle: int, at: int, end: int) -> None:
        """Prepare.

        Args:
            handle: descriptor of a regular file; it stays the caller's.
            at: the first byte to read.
            end: the byte after the last one.
        """
        super().__init__()
        self._handle = handle
        self._at = at
        self._end = end

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; see `io.RawIOBase`."""
        view = memoryview(buffer)[: max(0, self._end - self._at)]
        if not view:
            return 0
        with disk_errors("reading a file"):
            count = os.preadv(self._handle, [view], self._at)
        self._at += count
        return count
