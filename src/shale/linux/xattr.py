"""Extended attributes of what a descriptor or an entry of a folder is, symbolic links and O_PATH included.

The kernel has no such calls for O_PATH descriptors or for names below a descriptor before 6.13. The links in
/proc/self/fd stand for the very file that a descriptor is, so a path through them is no path of names.

Specification: xattr(7), proc(5) "/proc/pid/fd".
"""

from __future__ import annotations

import errno
import os
from typing import Final

__all__ = ["get_xattr", "get_xattrs", "list_xattrs", "remove_xattr", "set_xattr"]

_NONE: Final = (errno.EOPNOTSUPP, errno.ENODATA)


def _place(descriptor: int, name: bytes | None) -> bytes:
    held = b"/proc/self/fd/%d" % descriptor
    return held if name is None else held + b"/" + name


def list_xattrs(descriptor: int, name: bytes | None = None) -> list[bytes]:
    """The names of all attributes, sorted; none where the file system has no attributes.

    Args:
        descriptor: of the file itself, O_PATH too; or of the folder that `name` is in.
        name: one component; a symbolic link is not followed.

    Raises:
        OSError: as listxattr(2) says it.
    """
    try:
        # A link that is followed in /proc ends at what the descriptor is, be it a symbolic link itself.
        found = os.listxattr(_place(descriptor, name), follow_symlinks=name is None)
    except OSError as problem:
        if problem.errno in _NONE:
            return []
        raise
    return sorted(os.fsencode(one) for one in found)


def get_xattr(descriptor: int, attribute: bytes, name: bytes | None = None) -> bytes | None:
    """The value of an attribute; None where it is not set.

    Args:
        descriptor: as for `list_xattrs`.
        attribute: its name, `user.note` say.
        name: as for `list_xattrs`.

    Raises:
        OSError: as getxattr(2) says it.
    """
    try:
        return os.getxattr(_place(descriptor, name), attribute, follow_symlinks=name is None)
    except OSError as problem:
        if problem.errno in _NONE:
            return None
        raise


def get_xattrs(descriptor: int, name: bytes | None = None) -> dict[bytes, bytes]:
    """All attributes that this process may read, by name, in the order of their names."""
    found: dict[bytes, bytes] = {}
    for attribute in list_xattrs(descriptor, name):
        value = get_xattr(descriptor, attribute, name)
        if value is not None:
            found[attribute] = value
    return found


def set_xattr(descriptor: int, attribute: bytes, value: bytes, name: bytes | None = None) -> None:
    """Set an attribute, whether or not it was set.

    Args:
        descriptor: as for `list_xattrs`.
        attribute: its name.
        value: its value.
        name: as for `list_xattrs`.

    Raises:
        OSError: as setxattr(2) says it: EPERM, EOPNOTSUPP, ENOSPC, E2BIG, ERANGE.
    """
    os.setxattr(_place(descriptor, name), attribute, value, follow_symlinks=name is None)


def remove_xattr(descriptor: int, attribute: bytes, name: bytes | None = None) -> None:
    """Remove an attribute; one that is not set is fine.

    Args:
        descriptor: as for `list_xattrs`.
        attribute: its name.
        name: as for `list_xattrs`.

    Raises:
        OSError: as removexattr(2) says it.
    """
    try:
        os.removexattr(_place(descriptor, name), attribute, follow_symlinks=name is None)
    except OSError as problem:
        if problem.errno not in _NONE:
            raise
