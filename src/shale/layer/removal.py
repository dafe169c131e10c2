"""Removing entries below a folder, whole trees too, however deep they are.

A tree is walked with two descriptors, and neither recursion nor a path: down by names that are not followed,
up by `..`, which must be the folder that the walk came from.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

__all__ = ["enter", "remove"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCKED: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def enter(folder: int, name: bytes) -> tuple[int, os.stat_result]:
    """Open a folder in a folder so that its entries can be changed, whatever its own mode is.

    Args:
        folder: descriptor of the folder above.
        name: one component.

    Returns:
        A descriptor that the caller closes, and what the folder was before: an ordinary user who may not
        change it as its mode is now, and owns it, has been given the right.

    Raises:
        OSError: as open(2) says it; ENOTDIR (or ELOOP) where it is something else, a symbolic link say.
    """
    try:
        opened = os.open(name, _FOLDER, dir_fd=folder)
    except PermissionError:
        opened = _unlock(folder, name)
    try:
        found = os.fstat(opened)
        if found.st_mode & stat.S_IRWXU != stat.S_IRWXU and os.geteuid() != 0:
            os.fchmod(opened, stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
    except BaseException:
        os.close(opened)
        raise
    return opened, found


def _unlock(folder: int, name: bytes) -> int:
    held = os.open(name, _LOCKED, dir_fd=folder)
    try:
        before = stat.S_IMODE(os.fstat(held).st_mode)
        place = f"/proc/self/fd/{held}"
        os.chmod(place, before | stat.S_IRWXU)
        opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # As it was, so that `enter` can say what it was; a descriptor that is open stays good.
        os.chmod(place, before)
    finally:
        os.close(held)
    return opened


def remove(folder: int, name: bytes) -> None:
    """Remove an entry, and all that is in it where it is a folder; nothing that a link points at.

    Args:
        folder: descriptor of the folder.
        name: one component.

    Raises:
        OSError: as unlink(2) and rmdir(2) say it; ENOENT where there is no such entry.
    """
    if not _remove_one(folder, name):
        _Walk(folder, name).run()
        os.rmdir(name, dir_fd=folder)


def _remove_one(folder: int, name: bytes) -> bool:
    """Remove what is not a folder, or an empty one; false for one that is not empty."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError as problem:
            # A folder that its owner may not write says EACCES for what is in it, not for itself.
            if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
    return True


class _Walk:
    """Empties one folder."""

    def __init__(self, folder: int, name: bytes) -> None:
        self._here, found = enter(folder, name)
        # The folders above the walk, with the names in them that are still to be removed.
        self._trail = [(name, os.listdir(self._here), found)]

    def run(self) -> None:
        try:
            while self._trail:
                name, names, _ = self._trail[-1]
                if names:
                    child = os.fsencode(names.pop())
                    if not _remove_one(self._here, child):
                        self._down(child)
                else:
                    self._trail.pop()
                    if self._trail:
                        self._up(name)
        finally:
            os.close(self._here)

    def _down(self, name: bytes) -> None:
        below, found = enter(self._here, name)
        os.close(self._here)
        self._here = below
        self._trail.append((name, os.listdir(below), found))

    def _up(self, done: bytes) -> None:
        above = os.open(b"..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._here)
        os.close(self._here)
        self._here = above
        if not os.path.samestat(os.fstat(above), self._trail[-1][2]):
            raise OSError(errno.ESTALE, "a folder was moved while it was being removed", done)
        os.rmdir(done, dir_fd=above)
