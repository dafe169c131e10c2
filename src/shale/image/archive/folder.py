"""The files of a folder as members of an archive: opened component by component, links never followed."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

from shale.image.archive.members import InvalidArchive, MemberNotFound, components
from shale.linux.durable import disk_errors

__all__ = ["FolderMembers"]


class FolderMembers:
    """The regular files below one folder; it stays the caller's."""

    def __init__(self, folder: int) -> None:
        """Prepare.

        Args:
            folder: descriptor of the folder.
        """
        self._folder = folder

    def _open(self, name: str) -> int:
        parts = components(name)
        folder = os.dup(self._folder)
        try:
            for part in parts[:-1]:
                inner = os.open(
                    part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
                )
                os.close(folder)
                folder = inner
            # Not to wait for ever where the name is one of a pipe.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle = os.open(parts[-1], flags, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise MemberNotFound(name) from None
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise InvalidArchive(f"{name} is a link or a device; image folders have plain files") from None
            with disk_errors(f"opening {name}"):
                raise
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise InvalidArchive(f"{name} is not a regular file")
        return handle

    def size(self, name: str) -> int:
        """See `Members`."""
        handle = self._open(name)
        try:
            return os.fstat(handle).st_size
        finally:
            os.close(handle)

    def open_at(self, name: str, offset: int) -> BinaryIO:
        """See `Members`."""
        file = os.fdopen(self._open(name), "rb", buffering=0)
        file.seek(offset)
        return file
