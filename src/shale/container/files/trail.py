"""The folders on the way down a tree, by descriptor, however deep it is.

Only the lowest ones are open: a process has 1024 descriptors as a rule, and a container makes as many folders
in each other as it likes. One that was closed is opened again from the folder below it, and has to be the
same: the tree may be a living container's, which moves folders meanwhile.
"""

from __future__ import annotations

import errno
import os
from typing import Final

__all__ = ["Trail"]

_MOST_OPEN: Final = 128
_CLOSED: Final = -1


class Trail:
    """Folders, each in the one before. Close it.

    Args:
        flags: of open(2), for those that are opened again.
    """

    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._opened: list[int] = []
        self._identities: list[tuple[int, int]] = []

    @property
    def lowest(self) -> int:
        """Descriptor of the folder that was entered last; good until the next one is entered or left."""
        return self._opened[-1]

    def enter(self, descriptor: int) -> None:
        """Go one folder down; the descriptor is the trail's from now on."""
        self._opened.append(descriptor)
        self._identities.append(_identity(descriptor))
        if len(self._opened) > _MOST_OPEN:
            above = len(self._opened) - _MOST_OPEN - 1
            os.close(self._opened[above])
            self._opened[above] = _CLOSED

    def leave(self) -> int:
        """Go one folder up; the descriptor of the one that was left is the caller's.

        Raises:
            OSError: ESTALE where the folder above is another one by now.
        """
        if len(self._opened) > 1 and self._opened[-2] == _CLOSED:
            self._opened[-2] = self._above()
        self._identities.pop()
        return self._opened.pop()

    def close(self) -> None:
        """Let go of all folders."""
        for descriptor in self._opened:
            if descriptor != _CLOSED:
                os.close(descriptor)
        self._opened.clear()
        self._identities.clear()

    def _above(self) -> int:
        above = os.open(b"..", self._flags, dir_fd=self._opened[-1])
        if _identity(above) != self._identities[-2]:
            os.close(above)
            raise OSError(errno.ESTALE, "a folder was moved while it was used")
        return above


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
