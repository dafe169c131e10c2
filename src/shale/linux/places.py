"""Where mounts are in the tree of directories: attaching, copying, taking away.

Mounts are made detached (a descriptor, no path) and attached last, in one step.

Specification: mount_namespaces(7), move_mount(2), open_tree(2), mount_setattr(2).
"""

from __future__ import annotations

import errno
import os
import struct
from contextlib import suppress
from typing import Final

from shale.linux.mounterrors import MountRefused, NoSuchPlace, mount_errors
from shale.linux.syscall import AT_EMPTY_PATH, library, system

__all__ = ["attach", "bind", "change", "clone", "is_mount_point", "mounted_at", "unmount"]

_OPEN_TREE: Final = 428
_MOVE_MOUNT: Final = 429
_MOUNT_SETATTR: Final = 442
_OPEN_TREE_CLONE: Final = 1
_AT_RECURSIVE: Final = 0x8000
_MOVE_EMPTY: Final = 0x04 | 0x40
"""MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH: both ends are descriptors."""
_READ_ONLY: Final = 1
_NO_DEVICES: Final = 4
_PRIVATE: Final = 1 << 18
_SLAVE: Final = 1 << 19
_DETACH: Final = 2
_NO_FOLLOW: Final = 8


def attach(mount: int, place: int | str) -> None:
    """Give a detached mount its place in the tree of directories; the descriptor stays good.

    Args:
        mount: descriptor of the root of the mount.
        place: directory (or for the mount of a file, a file), by descriptor or path.

    Raises:
        MountDenied: not allowed in this mount namespace.
        NoSuchPlace: the path is not there.
        MountRefused: it is attached already, or the place is of another kind.
    """
    with _Place(place) as target, mount_errors("attaching a mount"):
        system(_MOVE_MOUNT, mount, b"", target, b"", _MOVE_EMPTY)


def clone(source: int | str, *, recursive: bool = True) -> int:
    """A detached copy of what is mounted at a place, and below it.

    Args:
        source: directory or file, by descriptor or path.
        recursive: whether mounts below it come too.

    Returns:
        A descriptor of its root.

    Raises:
        MountDenied, NoSuchPlace, MountRefused: as `attach`.
    """
    with _Place(source) as origin, mount_errors("copying a mount"):
        flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
        return system(_OPEN_TREE, origin, b"", flags)


def bind(source: int | str, place: int | str, *, read_only: bool = False) -> None:
    """Show a directory or file at another place too, with everything mounted below it.

    Args:
        source: by descriptor or path.
        place: of the same kind, by descriptor or path.
        read_only: so that nothing can be written by way of that place, nor by way of mounts below it.

    Raises:
        MountDenied, NoSuchPlace, MountRefused: as `attach`.
        MountUnsupported: the kernel cannot make it read-only in one step (Linux before 5.12).
    """
    copy = clone(source)
    try:
        if read_only:
            change(copy, read_only=True)
        attach(copy, place)
    finally:
        os.close(copy)


def change(mount: int, *, read_only: bool = False, no_devices: bool = False, slave: bool | None = None) -> None:
    """Change a mount and those below it.

    Args:
        mount: descriptor of its root; it need not be attached.
        read_only: whether nothing can be written any more by way of it.
        no_devices: whether device nodes have no effect there.
        slave: whether what its origin gets mounted later comes too; None to leave that as it is. Never the
            other way.

    Raises:
        MountUnsupported: the kernel cannot change mounts in one step (Linux before 5.12).
        MountDenied: not allowed in this mount namespace.
    """
    propagation = 0 if slave is None else (_SLAVE if slave else _PRIVATE)
    with mount_errors("changing a mount"):
        wanted = (_READ_ONLY if read_only else 0) | (_NO_DEVICES if no_devices else 0)
        attributes = struct.pack("<4Q", wanted, 0, propagation, 0)
        flags = AT_EMPTY_PATH | _AT_RECURSIVE
        system(_MOUNT_SETATTR, mount, b"", flags, attributes, len(attributes))


def unmount(place: str, *, detach: bool = False) -> None:
    """Take away the topmost mount at a place.

    Args:
        place: path; where its last component is a symbolic link, that is not followed.
        detach: whether to take it out of the tree although it is used; it ends with its last user.

    Raises:
        NoSuchPlace: nothing is mounted there.
        MountBusy: it is used.
        MountDenied: not allowed in this mount namespace.
    """
    try:
        with mount_errors(f"unmounting {place}"):
            library("umount2", os.fsencode(place), _NO_FOLLOW | (_DETACH if detach else 0))
    except MountRefused as refused:
        raise NoSuchPlace(f"nothing is mounted at {place}") from refused


def mounted_at(place: str) -> bool:
    """Whether a path is where something is mounted, and not only below such a place.

    A last component that is a symbolic link is not followed.

    Raises:
        NoSuchPlace: there is no such path.
    """
    with _Place(place, os.O_NOFOLLOW) as here, mount_errors(f"looking at {place}"):
        parent = os.path.dirname(os.path.abspath(place))
        with _Place(parent) as above:
            return parent == os.path.abspath(place) or _mount_id(here) != _mount_id(above)


def is_mount_point(folder: int, name: bytes) -> bool:
    """Whether something is mounted on an entry of a folder, seen from there.

    Args:
        folder: descriptor of the folder.
        name: one component, which is not followed.

    Raises:
        OSError: as open(2) says it.
    """
    entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        return _mount_id(entry) != _mount_id(folder)
    finally:
        os.close(entry)


class _Place:
    """A directory or file by descriptor, whichever way it was named."""

    def __init__(self, place: int | str, flags: int = 0) -> None:
        self._place = place
        self._flags = flags
        self._opened = -1

    def __enter__(self) -> int:
        if isinstance(self._place, int):
            return self._place
        with mount_errors(f"opening {self._place}"):
            self._opened = os.open(self._place, os.O_PATH | os.O_CLOEXEC | self._flags)
        return self._opened

    def __exit__(self, *_: object) -> None:
        if self._opened >= 0:
            with suppress(OSError):
                os.close(self._opened)


def _mount_id(descriptor: int) -> int:
    """The kernel's number of the mount that a descriptor was opened by (proc_pid_fdinfo(5))."""
    with open(f"/proc/self/fdinfo/{descriptor}", "rb") as lines:
        for line in lines:
            if line.startswith(b"mnt_id:"):
                return int(line.split()[1])
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
