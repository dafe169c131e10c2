"""Copying the bytes of a file within the kernel: shared where the file system can, holes left holes.

Specification: ioctl_ficlone(2), copy_file_range(2), lseek(2) "Seeking file data and holes".
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from typing import Final

__all__ = ["copy_bytes"]

_FICLONE: Final = 0x40049409
_PIECE: Final = 1 << 20
_MOST: Final = 1 << 30
"""Bytes of one call of copy_file_range(2), so that signals are seen."""
_CANNOT: Final = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ETXTBSY, errno.EPERM)


def copy_bytes(source: int, target: int) -> bool:
    """Copy a whole file into an empty one.

    Args:
        source: open for reading.
        target: open for writing, and empty.

    Returns:
        Whether the two share their blocks until one of them is changed.

    Raises:
        OSError: the disk.
    """
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as problem:
        if problem.errno not in (*_CANNOT, errno.ENOTTY, errno.EBADF):
            raise
    else:
        return True
    size = os.fstat(source).st_size
    for offset, length in _data(source, size):
        _copy_range(source, target, offset, length)
    os.truncate(target, size)
    return False


def _data(source: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are no holes: offset and length."""
    offset = 0
    while offset < size:
        try:
            begin = os.lseek(source, offset, os.SEEK_DATA)
            offset = os.lseek(source, begin, os.SEEK_HOLE)
        except OSError as problem:
            if problem.errno == errno.ENXIO:  # a hole up to the end
                return
            if problem.errno != errno.EINVAL:
                raise
            begin, offset = offset, size
        yield begin, offset - begin


def _copy_range(source: int, target: int, offset: int, length: int) -> None:
    end = offset + length
    while offset < end:
        try:
            count = os.copy_file_range(source, target, min(end - offset, _MOST), offset, offset)
        except OSError as problem:
            if problem.errno not in _CANNOT:
                raise
            count = _copy_by_hand(source, target, min(end - offset, _PIECE), offset)
        if not count:  # it was cut off meanwhile
            return
        offset += count


def _copy_by_hand(source: int, target: int, length: int, offset: int) -> int:
    piece = os.pread(source, length, offset)
    view = memoryview(piece)
    while view:
        written = os.pwrite(target, view, offset)
        offset += written
        view = view[written:]
    return len(piece)
