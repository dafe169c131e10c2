"""Files that survive a power cut, and disk errors that say what to do.

A file is durable when its bytes are synced and the folder that names it is synced too (fsync(2)); the order
is bytes, rename, folder. An fsync that failed is never tried again: the kernel has dropped the pages.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from shale.errors import Denied, Exhausted, Unavailable

__all__ = [
    "DiskFull",
    "NoPermission",
    "StorageFailure",
    "begin_writing",
    "disk_errors",
    "make_folder",
    "sync_folder",
    "write_file",
]

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_WRITE: Final = 2
_BROKEN: Final = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE)


class DiskFull(Exhausted):
    """The file system (or the user's quota) has no room for what should be written."""


class NoPermission(Denied):
    """The file system does not let this user write or read there."""


class StorageFailure(Unavailable):
    """The file system failed: an input/output error, or no descriptors left."""


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn errors of the file system into kinds.

    Args:
        doing: what was being done, and to what, for the message: `writing blob sha256:...`.

    Raises:
        DiskFull: no space, or over quota.
        NoPermission: not allowed, or a read-only file system.
        StorageFailure: an input/output error or no descriptors; nothing of it can be trusted.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _FULL:
            raise DiskFull(
                f"{doing}: {reason.lower()}; free some space (shale image prune, shale system df) and try again"
            ) from error
        if error.errno in _FORBIDDEN:
            raise NoPermission(
                f"{doing}: {reason.lower()}; check who owns the folder, or choose another with --root"
            ) from error
        if error.errno in _BROKEN:
            raise StorageFailure(f"{doing}: {reason.lower()}") from error
        raise


def sync_folder(folder: int) -> None:
    """Make the names in an open folder durable."""
    os.fsync(folder)


def begin_writing(file: int, offset: int, length: int) -> None:
    """Have the kernel begin to write a part of a file, so that a sync at the end waits for less.

    Promises nothing, and changes nothing of what a later sync says (sync_file_range(2)).

    Args:
        file: descriptor, open for writing.
        offset: of the part, bytes.
        length: of the part.
    """
    from shale.linux.syscall import library  # noqa: PLC0415 - only for what is large

    with suppress(OSError):
        library("sync_file_range", file, offset, length, _WRITE)


def make_folder(parent: int, name: str, *, mode: int = 0o700, durable: bool = True) -> int:
    """Open a folder below an open folder, making it where it is missing.

    Args:
        parent: descriptor of the folder above.
        name: one component that this program chose, never text from outside.
        mode: permissions of a new folder.
        durable: whether a new folder must survive a power cut. One that was there already may still not:
            its maker may have been killed before it synced.

    Returns:
        A descriptor of the folder; the caller closes it.

    Raises:
        FileNotFoundError: another process removed the folder between our two calls; try again.
    """
    try:
        os.mkdir(name, mode, dir_fd=parent)
        if durable:
            os.fsync(parent)
    except FileExistsError:
        pass
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)


def write_file(folder: int, name: str, content: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Write a small file whole or not at all: to a name of its own, synced, then renamed.

    Args:
        folder: descriptor of the folder.
        name: one component that this program chose.
        content: the bytes.
        mode: permissions.
        durable: false to save two syncs where an empty or an older file after a power cut does no harm.
    """
    temporary = f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
    handle = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder
    )
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(handle, view) :]
            if durable:
                os.fdatasync(handle)
        finally:
            os.close(handle)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    if durable:
        os.fsync(folder)
