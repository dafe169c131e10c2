"""Places in a container's root: found, or made where they are missing, never outside of it.

A path of an image or of a user is walked one name at a time on descriptors; symbolic links are followed as
the container would follow them, and `..` goes back to a descriptor that was passed before. So nothing that
somebody renames meanwhile leads out. What the runtime mounts later (/proc, /sys, /dev) may not be entered:
what was made there would be hidden, and what is meant there is not this.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

import msgspec

from shale.errors import Invalid
from shale.linux.durable import disk_errors

__all__ = ["RUNTIME_FOLDERS", "InvalidPlace", "Kind", "Spot", "spot"]

RUNTIME_FOLDERS: Final = (b"dev", b"proc", b"sys")
"""Names in the root that the runtime mounts file systems of the kernel on."""
_MOST_LINKS: Final = 40
_MOST_NAMES: Final = 250
_OPEN: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class InvalidPlace(Invalid):
    """A path cannot be used in a container's root."""


class Kind(Enum):
    """What a place must be, and is made as."""

    FOLDER = "a folder"
    FILE = "a file"


class Spot(msgspec.Struct, frozen=True):
    """A place that is there now.

    Attributes:
        descriptor: of what is there (O_PATH); closed when the `with` ends.
        path: from the root, without symbolic links; `/` for the root itself.
        made: what had to be made, from the root, outermost first.
    """

    descriptor: int
    path: bytes
    made: tuple[bytes, ...] = msgspec.field(default=())


@contextmanager
def spot(root: int, path: bytes, kind: Kind) -> Iterator[Spot]:
    """Find a place, or make it: folders with mode 0755, a file empty with 0644, both of this process's user.

    Args:
        root: descriptor of the root's folder.
        path: from the root; a leading `/` may be missing.
        kind: what it must be; a file may also be anything else that is no folder.

    Raises:
        InvalidPlace: it leads through what is no folder, to the wrong kind, into a folder of the runtime,
            or round in circles.
    """
    walk = _Walk(root, path, kind)
    try:
        yield walk.arrive()
    finally:
        walk.close()


class _Walk:
    def __init__(self, root: int, path: bytes, kind: Kind) -> None:
        if b"\0" in path:
            raise InvalidPlace(f"{_shown(path)} has a NUL byte in it")
        self._path = path
        self._kind = kind
        self._open: list[int] = [os.open(b".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)]
        self._names: list[bytes] = []
        self._left = deque(path.split(b"/"))
        self._links = 0
        self._made: list[bytes] = []

    def close(self) -> None:
        """Let go of all folders on the way."""
        while self._open:
            os.close(self._open.pop())

    def arrive(self) -> Spot:
        """Walk to the end."""
        while self._left:
            name = self._left.popleft()
            if name == b"..":
                self._up()
            elif name not in (b"", b"."):
                self._step(name)
        if stat.S_ISDIR(os.fstat(self._open[-1]).st_mode) != (self._kind is Kind.FOLDER):
            raise InvalidPlace(f"{_shown(self._path)} in the container is not {self._kind.value}")
        return Spot(self._open[-1], b"/" + b"/".join(self._names), tuple(self._made))

    def _up(self) -> None:
        if self._names:
            if not stat.S_ISDIR(os.fstat(self._open[-1]).st_mode):
                raise self._blocked()
            self._names.pop()
            os.close(self._open.pop())

    def _step(self, name: bytes) -> None:
        if not self._names and name in RUNTIME_FOLDERS:
            raise InvalidPlace(
                f"{_shown(self._path)} leads into /{name.decode()}, which the runtime mounts; use another path"
            )
        if len(self._names) == _MOST_NAMES:
            raise InvalidPlace(f"{_shown(self._path)} is more than {_MOST_NAMES} folders deep")
        try:
            there = os.open(name, _OPEN, dir_fd=self._open[-1])
        except FileNotFoundError:
            there = self._make(name)
        except NotADirectoryError:
            raise self._blocked() from None
        except OSError as error:
            raise InvalidPlace(
                f"{_shown(self._path)} cannot be used: {os.strerror(error.errno or 0)}"
            ) from error
        if stat.S_ISLNK(os.fstat(there).st_mode):
            self._follow(there)
        else:
            self._open.append(there)
            self._names.append(name)

    def _follow(self, link: int) -> None:
        target = os.readlink(b"", dir_fd=link)
        os.close(link)
        self._links += 1
        if self._links > _MOST_LINKS:
            raise InvalidPlace(f"{_shown(self._path)} leads through more than {_MOST_LINKS} symbolic links")
        if target.startswith(b"/"):
            while self._names:
                self._up()
        self._left.extendleft(reversed(target.split(b"/")))

    def _make(self, name: bytes) -> int:
        """Make what is missing, and leave the folder's times as they were: a mount point is no change."""
        parent = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._open[-1])
        try:
            with disk_errors(f"making {_shown(self._path)} in the container"):
                before = os.fstat(parent)
                self._make_one(parent, name)
                os.utime(parent, ns=(before.st_atime_ns, before.st_mtime_ns))
            self._made.append(b"/" + b"/".join([*self._names, name]))
            return os.open(name, _OPEN, dir_fd=parent)
        finally:
            os.close(parent)

    def _make_one(self, parent: int, name: bytes) -> None:
        # The umask of whoever runs us is not the container's: modes are set on the descriptor.
        last = all(more in (b"", b".") for more in self._left)
        if last and self._kind is Kind.FILE:
            mode, flags = 0o644, os.O_WRONLY | os.O_CREAT | os.O_EXCL
        else:
            mode, flags = 0o755, os.O_RDONLY | os.O_DIRECTORY
            os.mkdir(name, mode, dir_fd=parent)
        made = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=parent)
        try:
            os.fchmod(made, mode)
        finally:
            os.close(made)

    def _blocked(self) -> InvalidPlace:
        way = b"/" + b"/".join(self._names)
        return InvalidPlace(f"{_shown(self._path)} leads through {_shown(way)}, which is not a folder")


def _shown(path: bytes) -> str:
    return repr(os.fsdecode(path[:200]))
