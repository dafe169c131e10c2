"""A file system entry that appears under its name when it is complete, over what was there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from shale.errors import Conflict
from shale.linux.places import is_mount_point

__all__ = ["MountedThere", "NewFile", "named"]

_TEMPORARY: Final = b".shale-"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNNAMED: Final = os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC
_NO_UNNAMED: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


class MountedThere(Conflict):
    """Something is mounted where an entry should be put."""


@contextmanager
def named(folder: int, base: bytes, *, replaces: bool, shown: str) -> Iterator[bytes]:
    """The name under which to make an entry: its own, or one from which it is then moved over what is there.

    Args:
        folder: descriptor of the folder.
        base: its own name.
        replaces: whether something is there.
        shown: how to call it in messages.

    Raises:
        MountedThere: what is there cannot be replaced.
    """
    if not replaces:
        yield base
        return
    if is_mount_point(folder, base):
        # In a copy of a container's mounts the kernel would replace it, and take the mount away.
        raise MountedThere(f"cannot overwrite {shown}: something is mounted there")
    name = _TEMPORARY + os.urandom(8).hex().encode()
    try:
        yield name
        os.rename(name, base, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        # Renaming one name of a file to another of its names does nothing.
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


class NewFile:
    """A regular file that is being written; without a name as long as it can be, so that a kill leaves nothing.

    Attributes:
        handle: its descriptor.
    """

    def __init__(self, folder: int, base: bytes, *, replaces: bool, shown: str) -> None:
        """Begin.

        Args:
            folder: descriptor of the folder; it is not needed after this.
            base: its name.
            replaces: whether something is there.
            shown: how to call it in messages.

        Raises:
            OSError: as the kernel says it.
        """
        self._folder = os.dup(folder)
        self._base = base
        self._replaces = replaces
        self._shown = shown
        self._place = 0
        try:
            self.handle, self._name = _open(self._folder)
        except BaseException:
            os.close(self._folder)
            raise

    def write(self, piece: bytes | memoryview, at: int | None = None) -> None:
        """Write the next bytes, or bytes at an offset."""
        if at is not None:
            self._place = at
        view = memoryview(piece)
        while view:
            count = os.pwrite(self.handle, view, self._place)
            self._place += count
            view = view[count:]

    def set_size(self, size: int) -> None:
        """Give it its size in bytes; what was not written is a hole."""
        if self._place != size:
            os.ftruncate(self.handle, size)

    def appear(self) -> None:
        """Give it its name.

        Raises:
            MountedThere: what is there cannot be replaced.
        """
        with named(self._folder, self._base, replaces=self._replaces, shown=self._shown) as name:
            if self._name is None:
                source = f"/proc/self/fd/{self.handle}"
                os.link(source, name, dst_dir_fd=self._folder, follow_symlinks=True)
            else:
                os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                self._name = None

    def close(self) -> None:
        """Let go; what has no name yet is gone."""
        os.close(self.handle)
        if self._name is not None:
            with suppress(OSError):
                os.unlink(self._name, dir_fd=self._folder)
        os.close(self._folder)


def _open(folder: int) -> tuple[int, bytes | None]:
    """A new file, and its passing name where the file system has no files without one."""
    try:
        return os.open(b".", _UNNAMED, 0o600, dir_fd=folder), None
    except OSError as failure:
        if failure.errno not in _NO_UNNAMED:
            raise
    name = _TEMPORARY + os.urandom(8).hex().encode()
    return os.open(name, _NEW, 0o600, dir_fd=folder), name
