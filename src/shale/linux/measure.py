"""How many bytes the files of a tree have, whatever its depth, and whoever changes it meanwhile."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

__all__ = ["tree_size"]

_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def tree_size(folder: int) -> int:
    """Bytes of all files below a folder; of hard links once, of folders nothing.

    One descriptor is open at a time, and the way back up is checked: somebody may be moving the folders.

    Args:
        folder: descriptor; it stays the caller's.
    """
    seen: set[tuple[int, int]] = set()
    size, below = _look(folder, seen)
    todo = [below]
    trail = [_identity(folder)]
    here = os.open(".", _OPEN, dir_fd=folder)
    try:
        while todo:
            if not todo[-1]:
                todo.pop()
                trail.pop()
                if not trail:
                    break
                above = os.open("..", _OPEN, dir_fd=here)
                os.close(here)
                here = above
                if _identity(here) != trail[-1]:
                    break  # moved away under us: what was counted so far is as true as anything
                continue
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                inside = os.open(todo[-1].pop(), _OPEN, dir_fd=here)
                os.close(here)
                here = inside
                more, below = _look(here, seen)
                size += more
                todo.append(below)
                trail.append(_identity(here))
    finally:
        os.close(here)
    return size


def _look(folder: int, seen: set[tuple[int, int]]) -> tuple[int, list[str]]:
    """The bytes of the files in a folder, and the folders in it."""
    size, folders = 0, []
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                folders.append(name)
            elif status.st_nlink == 1:
                size += status.st_size
            elif (key := (status.st_dev, status.st_ino)) not in seen:
                seen.add(key)
                size += status.st_size
    return size, folders


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino
