"""Which extended attributes of an entry a layer keeps.

Orders to overlay are left out: a layer could show files of layers below in other places with them. What
Linux could not set is left out too, and noted; what is too large is refused, as the system call would.

Specification: xattr(7), Documentation/filesystems/overlayfs.rst, acl(5) and linux/posix_acl_xattr.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from shale.layer.field import InvalidTar
from shale.snapshot.erofs.layout import FOLDER, REGULAR

__all__ = ["kept_attributes"]

_ORDERS: Final = (b"trusted.overlay.", b"user.overlay.")
_SPACES: Final = (b"user.", b"trusted.", b"security.")
_LISTS: Final = (b"system.posix_acl_access", b"system.posix_acl_default")
_MOST_NAME: Final = 255
_MOST_VALUE: Final = 65535
"""Of one value; Linux itself takes one byte more."""
_MOST_TOTAL: Final = 4 * 65534
"""Of all attributes of one file as EROFS writes them."""
_TAGS: Final = frozenset((0x01, 0x02, 0x04, 0x08, 0x10, 0x20))


def kept_attributes(
    attributes: Mapping[bytes, bytes], mode: int, offset: int, note: Callable[[str], None]
) -> dict[bytes, bytes]:
    """The attributes that the layer's file will have.

    Args:
        attributes: as the entry says.
        mode: of the file, with its type: attributes of users are for files and folders only.
        offset: of the header, for errors.
        note: told of each that cannot be kept.

    Raises:
        InvalidTar: one is larger than Linux or EROFS takes.
    """
    kept: dict[bytes, bytes] = {}
    total = 0
    for name, value in attributes.items():
        if name.startswith(_ORDERS):
            continue
        if len(name) > _MOST_NAME or len(value) > _MOST_VALUE:
            raise InvalidTar(f"the attribute {name[:80]!r} has more than 255 or 65535 bytes", offset)
        if not _settable(name, value, mode & 0o170000):
            note(f"attribute {name.decode('utf-8', 'backslashreplace')!r} skipped: Linux has no such attribute")
            continue
        kept[name] = value
        total += len(name) + len(value) + 8
    if total > _MOST_TOTAL:
        raise InvalidTar("the attributes of an entry have together more than 256 KiB", offset)
    return kept


def _settable(name: bytes, value: bytes, kind: int) -> bool:
    if b"\0" in name:
        return False
    if name in _LISTS:
        return _is_list(value) and (kind == FOLDER or (kind == REGULAR and name == _LISTS[0]))
    if name.startswith(b"user.") and kind not in (REGULAR, FOLDER):
        return False
    return name.startswith(_SPACES) and name not in _SPACES


def _is_list(value: bytes) -> bool:
    """Whether it is an access control list: the kernel would refuse to open a file with another thing there."""
    if len(value) < 4 or len(value) % 8 != 4 or value[:4] != b"\2\0\0\0":
        return False
    return all(tag in _TAGS for tag, _, _ in struct.iter_unpack("<HHI", value[4:]))
