"""The few folders of a tree that stay open while it is written, because entries of one folder stand together.

Each was opened below the descriptor of the one above it, by one name that was not followed. So a path by
which a folder is open has no links in it.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

__all__ = ["MOST_OPEN", "Folder", "OpenFolders", "enter"]

MOST_OPEN: Final = 64
"""Several layers are written at once, and 1024 descriptors for a process are a usual limit."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCKED: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Folder:
    """A folder that is open.

    Attributes:
        descriptor: to work below; -1 once it was closed, which asking for other folders may do.
        path: from the root, without links.
        group: which new entries in it get.
        new: whether layers below have nothing in it, whatever they are.
    """

    descriptor: int
    path: bytes
    group: int
    new: bool

    def close(self) -> None:
        """Close it, if it is open."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class OpenFolders:
    """Keeps the folders that were used last open."""

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, Folder] = OrderedDict()

    def get(self, path: bytes) -> Folder | None:
        """The folder of a path, if it is open."""
        found = self._open.get(path)
        if found is not None:
            self._open.move_to_end(path)
        return found

    def add(self, folder: Folder, keep: Folder | None) -> None:
        """Keep one more open; the one that was not used for longest is closed, but for `keep`."""
        self._open[folder.path] = folder
        if len(self._open) > MOST_OPEN:
            oldest = next(one for one in self._open.values() if one is not keep)
            self._open.pop(oldest.path).close()

    def close_from(self, path: bytes) -> None:
        """Close the folder of a path and those below it; all for an empty path."""
        below = path + b"/"
        for other in [one for one in self._open if not path or one == path or one.startswith(below)]:
            self._open.pop(other).close()


def enter(folder: int, name: bytes) -> tuple[int, os.stat_result]:
    """Open a folder in a folder so that its entries can be changed, whatever its own mode is.

    Args:
        folder: descriptor of the folder above.
        name: one component.

    Returns:
        A descriptor that the caller closes, and what the folder was before: an ordinary user who may not
        change it as its mode is, and owns it, has been given the right.

    Raises:
        OSError: as open(2) says it; ENOTDIR or ELOOP where it is something else, a symbolic link say.
    """
    try:
        opened = os.open(name, _FOLDER, dir_fd=folder)
    except PermissionError:
        return _unlock(folder, name)
    try:
        found = os.fstat(opened)
        if found.st_mode & stat.S_IRWXU != stat.S_IRWXU and os.geteuid() != 0:
            os.fchmod(opened, stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
    except BaseException:
        os.close(opened)
        raise
    return opened, found


def _unlock(folder: int, name: bytes) -> tuple[int, os.stat_result]:
    held = os.open(name, _LOCKED, dir_fd=folder)
    try:
        found = os.fstat(held)
        place = f"/proc/self/fd/{held}"
        os.chmod(place, stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
        return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), found
    finally:
        os.close(held)
