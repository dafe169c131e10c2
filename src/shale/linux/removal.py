"""Removing folders of strangers: nothing is followed, and no depth or number of entries is too much.

A layer can hold folders nested tens of thousands deep, which recursion and one descriptor for each level
cannot follow. So a folder inside is first moved up into the folder that goes, and then emptied there.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

__all__ = ["remove_tree"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(parent: int, name: str) -> None:
    """Remove a file, or a folder with all that is in it; nothing of that name is fine.

    Several processes may remove the same one at the same time.

    Args:
        parent: descriptor of the folder that it is in.
        name: one component that this program chose.

    Raises:
        OSError: it cannot be removed; part of it may be gone.
    """
    with suppress(FileNotFoundError):
        if not _unlink(parent, name):
            top = _open_folder(parent, name)
            try:
                while inside := os.listdir(top):
                    for entry in inside:
                        with suppress(FileNotFoundError):
                            _empty(top, entry)
            finally:
                os.close(top)
            os.rmdir(name, dir_fd=parent)


def _unlink(parent: int, name: str) -> bool:
    """Remove what is no folder; false where it is one."""
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        return False
    return True


def _open_folder(parent: int, name: str) -> int:
    """Open a folder of which `_unlink` said that it is one, so that entries can be taken out of it."""
    with suppress(PermissionError):
        folder = os.open(name, _FOLDER, dir_fd=parent)
        if os.geteuid() != 0:
            os.fchmod(folder, stat.S_IRWXU)
        return folder
    os.chmod(name, stat.S_IRWXU, dir_fd=parent)  # an ordinary user's folder that nobody may read
    return os.open(name, _FOLDER, dir_fd=parent)


def _empty(top: int, entry: str) -> None:
    """Remove an entry of the top folder; the folders in it become entries of the top folder."""
    if _unlink(top, entry):
        return
    folder = _open_folder(top, entry)
    try:
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):
                if not _unlink(folder, name):
                    os.close(_open_folder(folder, name))  # only a folder that may be written can be moved
                    os.rename(name, f".{os.urandom(12).hex()}", src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    os.rmdir(entry, dir_fd=top)
