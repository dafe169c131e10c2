"""A file that appears whole under its name, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shale.errors import Invalid, NotFound
from shale.linux.durable import disk_errors

__all__ = ["whole_file"]

_BUFFER = 1 << 18


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file: under a temporary name beside it, synced, then renamed over what was there.

    A path that names a device or a pipe is written to directly: there is nothing to rename.

    Raises:
        NotFound: its folder is not there.
        Invalid: it is a folder.
        DiskFull, NoPermission, StorageFailure: the file system.
    """
    with disk_errors(f"writing {path}"):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            mode = stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise Invalid(f"{path} is a folder; name a file in it")
        if not stat.S_ISREG(mode):
            with path.open("wb") as stream:
                yield stream
            return
        # A link stays one: what it points at is replaced.
        target = Path(os.path.realpath(path))
        try:
            folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"there is no folder {target.parent}") from None
        try:
            yield from _replace(folder, target.name)
        finally:
            os.close(folder)


def _replace(folder: int, name: str) -> Iterator[BinaryIO]:
    temporary = f".shale-{os.getpid()}-{os.urandom(6).hex()}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o666, dir_fd=folder)
    try:
        with os.fdopen(handle, "w+b", buffering=_BUFFER) as stream:
            yield stream
            stream.flush()
            os.fdatasync(stream.fileno())
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
