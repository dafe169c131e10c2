"""The bytes of one file of a layer, on their way from the tar to the disk; holes stay holes."""

from __future__ import annotations

import os
from collections.abc import Iterator

from shale.layer.header import Header
from shale.layer.sparse import Extent

__all__ = ["FileBody"]


class FileBody:
    """A file that was just made and gets its bytes.

    Args:
        descriptor: of the file, at its beginning; closed by `close`.
        group: the one that the file was made with.
        header: what the file shall be.
    """

    __slots__ = ("_extents", "_left", "_room", "descriptor", "group", "header")

    def __init__(self, descriptor: int, group: int, header: Header) -> None:
        self.descriptor = descriptor
        self.group = group
        self.header = header
        self._left = header.stored if header.extents is None else sum(one.length for one in header.extents)
        self._extents: Iterator[Extent] | None = None if header.extents is None else iter(header.extents)
        # Bytes up to the end of the extent that is being written.
        self._room = self._left if header.extents is None else 0

    @property
    def complete(self) -> bool:
        """Whether all bytes are there."""
        return not self._left

    def write(self, piece: memoryview) -> None:
        """Write the next bytes that the archive stores."""
        self._left -= len(piece)
        while piece:
            while not self._room and self._extents is not None:
                offset, self._room = next(self._extents)
                os.lseek(self.descriptor, offset, os.SEEK_SET)
            count = os.write(self.descriptor, piece if self._extents is None else piece[: self._room])
            self._room -= count
            piece = piece[count:]

    def end(self) -> None:
        """Give a sparse file its length: it may end with a hole."""
        if self._extents is not None:
            os.ftruncate(self.descriptor, self.header.size)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)
