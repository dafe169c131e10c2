"""The file of one layer, as bytes: written from front to back, its header last.

A file without a header was never finished: a kill in the middle leaves nothing that could be taken for a
layer.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from shale.layer.field import InvalidTar
from shale.linux.durable import disk_errors
from shale.snapshot.erofs.layout import BLOCK, HEADER, LAST_BLOCK

__all__ = ["ImageWriter", "read_exactly"]

_BUFFER: Final = 1 << 20


class ImageWriter:
    """Writes to an open file in large pieces. Not for use by two threads at once.

    Args:
        file: descriptor, empty, open for reading and writing; stays the caller's.
        doing: what this is for, for messages.

    Attributes:
        size: bytes so far, those of the header that comes last included.
    """

    def __init__(self, file: int, doing: str) -> None:
        self._file = file
        self._doing = doing
        self._buffer = bytearray()
        self._written = HEADER
        self.size = HEADER

    def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes; they may be overwritten once this returns.

        Raises:
            InvalidTar: there are more than EROFS takes.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        self.size += len(piece)
        if self.size > LAST_BLOCK * BLOCK:
            raise InvalidTar("the layer is larger than the 2 TiB that EROFS takes", self.size - HEADER)
        if len(self._buffer) + len(piece) < _BUFFER:
            self._buffer += piece
            return
        self.flush()
        self._put(memoryview(piece))

    def flush(self) -> None:
        """Write what is held back.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        self._put(memoryview(self._buffer))
        self._buffer = bytearray()

    def finish(self, header: bytes) -> None:
        """Write the header: the file is a layer from then on.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        self.flush()
        with disk_errors(self._doing):
            self._written = os.pwrite(self._file, header, 0)
            if self._written != len(header):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def read_tar(self, offset: int, length: int) -> bytes:
        """Bytes of the tar that were written before.

        Raises:
            StorageFailure: the disk.
        """
        self.flush()
        with disk_errors(self._doing):
            return read_exactly(self._file, HEADER + offset, length)

    def _put(self, view: memoryview) -> None:
        with disk_errors(self._doing):
            while view:
                done = os.pwrite(self._file, view, self._written)
                self._written += done
                view = view[done:]


def read_exactly(file: int, offset: int, length: int) -> bytes:
    """Bytes of a file.

    Raises:
        OSError: the disk, or the file ends before.
    """
    parts = []
    while length:
        part = os.pread(file, length, offset)
        if not part:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return b"".join(parts)
