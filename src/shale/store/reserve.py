"""A little room kept back for the full disk: without it, not even what frees space could open the database.

SQLite needs some kilobytes for its log and its index of the log before it can read, so on a full disk `image
prune` would fail with the advice to prune. The file `reserve` is given up then, and made again when there is
plenty of room.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

__all__ = ["give_up_reserve", "keep_reserve"]

_NAME: Final = "reserve"
_SIZE: Final = 1 << 20
_PLENTY: Final = 64 << 20
"""Bytes that must be free before some are kept back: who gave the reserve up is to use it in peace."""


def keep_reserve(root: int) -> None:
    """Keep some room back, where there is plenty; never an error, and nothing that must survive a power cut.

    Args:
        root: descriptor of the store's folder.
    """
    with suppress(OSError):
        room = os.fstatvfs(root)
        if room.f_bavail * room.f_frsize < _PLENTY:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(_NAME, flags, 0o600, dir_fd=root)
        try:
            os.posix_fallocate(handle, 0, _SIZE)
        finally:
            os.close(handle)


def give_up_reserve(root: int) -> bool:
    """Free what was kept back; false where there was nothing."""
    try:
        os.unlink(_NAME, dir_fd=root)
    except OSError:
        return False
    return True
