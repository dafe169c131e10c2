"""Opening a path below a folder, so that nothing in the path leads out of it.

Symbolic links are followed as a process would that has the folder for its root: an absolute target begins at
the folder, `..` stops there. The kernel does this since 5.6 (openat2(2), RESOLVE_IN_ROOT); where it cannot, or
a seccomp filter forbids the call, the path is walked one component at a time, with O_NOFOLLOW.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

__all__ = ["TooManyLinks", "change_mode", "open_beneath", "walk_beneath"]

MAX_LINKS: Final = 40
"""Symbolic links on one path: as in path_resolution(7)."""
_OPENAT2: Final = 437
"""The number of the call, the same on every architecture since 5.6."""
_NO_MAGICLINKS: Final = 0x02
_IN_ROOT: Final = 0x10
_ATTEMPTS: Final = 128
_PATH: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class TooManyLinks(OSError):
    """The symbolic links on a path go on for ever, or for too long."""

    def __init__(self, path: bytes) -> None:
        super().__init__(errno.ELOOP, os.strerror(errno.ELOOP), path)


class _How(ctypes.Structure):
    """The `struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@cache
def _kernel() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def open_beneath(root: int, path: bytes, flags: int, mode: int = 0) -> int:
    """Open a path as a process would whose root directory is `root`.

    Args:
        root: descriptor of the folder.
        path: the path, from outside; a leading slash means `root`, and so does an empty one.
        flags: of open(2); O_CLOEXEC is added. With O_NOFOLLOW a last component that is a symbolic link is
            not followed; links before it always are.
        mode: of a file that is made.

    Returns:
        A descriptor; the caller closes it.

    Raises:
        OSError: as open(2) says it. ELOOP too where a link is one of those of /proc that are no text.
    """
    how = _How(flags | os.O_CLOEXEC, mode if flags & os.O_CREAT else 0, _IN_ROOT | _NO_MAGICLINKS)
    name = path or b"."
    if b"\0" in name:
        raise ValueError("a path cannot hold a NUL")
    for _ in range(_ATTEMPTS):
        opened: int = _kernel().syscall(
            _OPENAT2,
            ctypes.c_int(root),
            ctypes.c_char_p(name),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if opened >= 0:
            return opened
        problem = ctypes.get_errno()
        if problem in (errno.ENOSYS, errno.EPERM):
            return walk_beneath(root, path, flags, mode)
        # A rename somewhere while a `..` was followed: openat2(2) asks to try again.
        if problem not in (errno.EAGAIN, errno.EINTR):
            raise OSError(problem, os.strerror(problem), path)
    return walk_beneath(root, path, flags, mode)


def walk_beneath(root: int, path: bytes, flags: int, mode: int = 0) -> int:
    """What `open_beneath` does where the kernel has no openat2: the same, one component at a time."""
    if b"\0" in path:
        raise ValueError("a path cannot hold a NUL")
    todo = _parts(path)
    trail = _Trail(root)
    links = 0
    try:
        while todo:
            part = todo.pop()
            if part == b"..":
                trail.back()
                continue
            last = not todo
            follow = not last or path.endswith(b"/") or not flags & (os.O_NOFOLLOW | os.O_EXCL)
            target = _target(trail.end, part) if follow else None
            if target is not None:
                links += 1
                if links > MAX_LINKS:
                    raise TooManyLinks(path)
                if target.startswith(b"/"):
                    trail.back(to_root=True)
                todo += _parts(target)
            elif last:
                ending = os.O_DIRECTORY if path.endswith(b"/") and not flags & os.O_CREAT else 0
                return os.open(part, flags | ending | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=trail.end)
            else:
                trail.enter(part)
        return os.open(b".", flags & ~os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=trail.end)
    finally:
        trail.close()


class _Trail:
    """The folders from the root to where a walk is; `..` goes back in this list, never in the file system."""

    def __init__(self, root: int) -> None:
        self._folders = [os.open(b".", _PATH | os.O_DIRECTORY, dir_fd=root)]

    @property
    def end(self) -> int:
        return self._folders[-1]

    def enter(self, name: bytes) -> None:
        self._folders.append(os.open(name, _PATH | os.O_DIRECTORY, dir_fd=self.end))

    def back(self, *, to_root: bool = False) -> None:
        """One folder back, or all the way; at the root it stays."""
        while len(self._folders) > 1:
            os.close(self._folders.pop())
            if not to_root:
                break

    def close(self) -> None:
        for folder in self._folders:
            os.close(folder)


def _parts(path: bytes) -> list[bytes]:
    """The components, the first one last."""
    return [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]


def _target(folder: int, name: bytes) -> bytes | None:
    """Where a symbolic link points; None for anything else, and for nothing."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as problem:
        if problem.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise


@contextmanager
def _held(folder: int, name: bytes) -> Iterator[int]:
    handle = os.open(name, _PATH, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)


def change_mode(folder: int, name: bytes, mode: int) -> None:
    """Change the permissions of an entry without opening it (a fifo, a device), and never of a link's target.

    Args:
        folder: descriptor of the folder.
        name: one component.
        mode: permissions, set-id and sticky bits included.

    Raises:
        OSError: as chmod(2) says it; ELOOP where the entry is a symbolic link.
    """
    with _held(folder, name) as handle:
        if stat.S_ISLNK(os.fstat(handle).st_mode):
            raise OSError(errno.ELOOP, "is a symbolic link", name)
        os.chmod(f"/proc/self/fd/{handle}", mode)
