"""Folders that belong to whoever holds their lock: work in progress, done once among many processes.

The lock is an exclusive flock(2) on the folder itself: the kernel lets go of it when its holder dies, however
it dies. A finished holder removes the folder, so a lock on a folder that is no longer the one of that name
does not count.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from shale.linux.durable import make_folder

__all__ = ["FolderBusy", "lock_folder", "try_lock"]

_POLL: Final = 0.02
"""Seconds between two looks at a lock that somebody else holds."""


class FolderBusy(Exception):
    """Somebody else has held the lock for longer than we wait; the caller says it in its own words."""


def lock_folder(parent: int, name: str, *, patience: float, waiting: Callable[[], None]) -> int:
    """Open a folder, making it where it is missing, and lock it.

    Args:
        parent: descriptor of the folder above.
        name: one component that this program chose.
        patience: seconds to wait for another holder.
        waiting: called about fifty times a second while waiting; it may raise to stop.

    Returns:
        A descriptor of the folder; closing it lets go of the lock.

    Raises:
        FolderBusy: the other holder took longer.
    """
    deadline = time.monotonic() + patience
    while True:
        # A finishing holder may remove the folder between any two of our calls: then start over.
        with suppress(FileNotFoundError):
            folder = make_folder(parent, name, durable=False)
            try:
                if try_lock(parent, name, folder):
                    return folder
            except BaseException:
                os.close(folder)
                raise
            os.close(folder)
        waiting()
        if time.monotonic() > deadline:
            raise FolderBusy(name)
        time.sleep(_POLL)


def try_lock(parent: int, name: str, folder: int) -> bool:
    """Lock an open folder; false when somebody else has it, or it is not the one of that name any more."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        named = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return named.st_ino == os.fstat(folder).st_ino
