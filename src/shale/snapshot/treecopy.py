"""Copying a tree of files into another folder, bytes shared where the file system can.

Both trees are walked one name at a time below the descriptors of folders, and no link is followed: a program
may change the source meanwhile, and it was a stranger who made it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shale.linux.beneath import change_mode
from shale.linux.copyfile import copy_bytes
from shale.linux.durable import disk_errors
from shale.linux.xattr import get_xattrs, set_xattr

__all__ = ["copy_tree"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_ALLOWED: Final = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSPC, errno.E2BIG)
_Path = tuple[str, ...]


def copy_tree(
    source: int, target: int, *, keep_owner: bool, check: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """Copy all that is in a folder, and the folder's own attributes, into an empty one.

    Args:
        source: descriptor of the folder to copy.
        target: descriptor of the empty folder.
        keep_owner: whether files keep their owners; without, they have no set-id bits either.
        check: called often; it may raise to stop.

    Returns:
        What could not be copied, for a person: devices and attributes that only root may make.

    Raises:
        DiskFull, NoPermission, StorageFailure: the disk. What was copied so far stays.
    """
    copy = _Copy(source, target, keep_owner)
    with disk_errors("copying files"):
        folders: list[_Path] = [()]
        # Folders get their modes and times when all is in them: this list grows while it is walked.
        for path in folders:
            check()
            folders.extend(copy.folder(path))
        for path in reversed(folders):
            copy.finish(path)
    return tuple(copy.notes)


@dataclass(slots=True)
class _Copy:
    source: int
    target: int
    keep_owner: bool
    notes: list[str] = field(default_factory=list)
    # Of files with several names the first one, by inode.
    linked: dict[tuple[int, int], _Path] = field(default_factory=dict)

    def folder(self, path: _Path) -> list[_Path]:
        """Copy what is in a folder; the folders in it are made, and given back."""
        found = []
        source, target = _descend(self.source, path), _descend(self.target, path)
        try:
            for name in sorted(os.listdir(source)):
                facts = os.stat(name, dir_fd=source, follow_symlinks=False)
                if stat.S_ISDIR(facts.st_mode):
                    os.mkdir(name, 0o700, dir_fd=target)
                    found.append((*path, name))
                else:
                    self._file(source, target, (*path, name), facts)
        finally:
            os.close(source)
            os.close(target)
        return found

    def finish(self, path: _Path) -> None:
        """Give a folder its attributes."""
        source, target = _descend(self.source, path), _descend(self.target, path)
        try:
            facts = os.fstat(source)
            if self.keep_owner:
                os.fchown(target, facts.st_uid, facts.st_gid)
            os.fchmod(target, self._mode(facts))
            self._attributes(path, get_xattrs(source), target, None)
            os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        finally:
            os.close(source)
            os.close(target)

    def _file(self, source: int, target: int, path: _Path, facts: os.stat_result) -> None:
        inode = (facts.st_dev, facts.st_ino)
        if facts.st_nlink > 1 and inode in self.linked:
            self._link(self.linked[inode], target, path[-1])
            return
        name = os.fsencode(path[-1])
        if stat.S_ISREG(facts.st_mode):
            _copy_file(source, target, name)
        elif stat.S_ISLNK(facts.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        elif not self._node(target, path, facts):
            return
        if facts.st_nlink > 1:
            self.linked[inode] = path
        if self.keep_owner:
            os.chown(name, facts.st_uid, facts.st_gid, dir_fd=target, follow_symlinks=False)
        if not stat.S_ISLNK(facts.st_mode):
            change_mode(target, name, self._mode(facts))
        # After the owner: giving a file away takes its capabilities.
        self._attributes(path, get_xattrs(source, name), target, name)
        os.utime(name, ns=(facts.st_atime_ns, facts.st_mtime_ns), dir_fd=target, follow_symlinks=False)

    def _link(self, first: _Path, target: int, name: str) -> None:
        folder = _descend(self.target, first[:-1])
        try:
            os.link(first[-1], name, src_dir_fd=folder, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(folder)

    def _node(self, target: int, path: _Path, facts: os.stat_result) -> bool:
        """Make a fifo, socket or device; false, with a note, where that is not allowed."""
        try:
            os.mknod(path[-1], stat.S_IFMT(facts.st_mode) | 0o600, facts.st_rdev, dir_fd=target)
        except PermissionError:
            self.notes.append(f"device {'/'.join(path)!r} skipped: this user may not make it")
            return False
        return True

    def _attributes(
        self, path: _Path, attributes: Mapping[bytes, bytes], target: int, name: bytes | None
    ) -> None:
        for attribute, value in attributes.items():
            try:
                set_xattr(target, attribute, value, name)
            except OSError as problem:
                if problem.errno not in _NOT_ALLOWED:
                    raise
                where = "/".join(path) or "/"
                self.notes.append(
                    f"attribute {os.fsdecode(attribute)!r} of {where!r} skipped: {problem.strerror}"
                )

    def _mode(self, facts: os.stat_result) -> int:
        return stat.S_IMODE(facts.st_mode) & (0o7777 if self.keep_owner else 0o1777)


def _descend(folder: int, path: _Path) -> int:
    """Open a folder below a folder, component by component."""
    below = os.open(".", _FOLDER, dir_fd=folder)
    for name in path:
        above = below
        try:
            below = os.open(name, _FOLDER, dir_fd=above)
        finally:
            os.close(above)
    return below


def _copy_file(source: int, target: int, name: bytes) -> None:
    old = os.open(name, _READ, dir_fd=source)
    try:
        new = os.open(name, _NEW, 0o600, dir_fd=target)
        try:
            copy_bytes(old, new)
        finally:
            os.close(new)
    finally:
        os.close(old)
