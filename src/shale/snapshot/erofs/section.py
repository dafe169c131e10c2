"""A part of a file as a file of its own, for reading."""

from __future__ import annotations

import errno
import io
import os
from typing import Any, BinaryIO, Final, cast

__all__ = ["open_section"]

_BUFFER: Final = 1 << 20


def open_section(file: int, begin: int, size: int) -> BinaryIO:
    """A part of a file, which can be sought in.

    Args:
        file: descriptor; it is closed with the result.
        begin: of the part, bytes.
        size: of the part; it is there.
    """
    return cast("BinaryIO", io.BufferedReader(_Section(file, begin, size), _BUFFER))


class _Section(io.RawIOBase):
    def __init__(self, file: int, begin: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._begin = begin
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        done = os.preadv(self._file, [view], self._begin + self._at)
        self._at += done
        return done

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = origin + offset
        return self._at

    def close(self) -> None:
        if not self.closed:
            os.close(self._file)
        super().close()
