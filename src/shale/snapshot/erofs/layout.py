"""The bytes of an EROFS file system, as far as layers need them.

Blocks have 512 bytes, so that the files of a tar archive, which stand on multiples of 512, are where EROFS
wants its files. Inodes are of the extended form: 64 bytes, then extended attributes, then what is stored in
line (targets of links, small folders). An inode is found by its number: 32 bytes times the number from the
beginning of the inodes.

Specification: Linux fs/erofs/erofs_fs.h; erofs.docs.kernel.org "Core on-disk format".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

__all__ = [
    "BLOCK",
    "CHARACTER",
    "CHUNKED",
    "DEVICE",
    "FIFO",
    "FILE_TYPES",
    "FOLDER",
    "HEAD",
    "HEADER",
    "INODE",
    "IN_LINE",
    "LAST_BLOCK",
    "LINK",
    "PLAIN",
    "REGULAR",
    "SLOT",
    "attribute_block",
    "attribute_count",
    "attribute_size",
    "device_number",
    "dirent",
    "header",
    "inode",
    "padded",
    "read_header",
    "superblock",
]

BLOCK: Final = 512
HEADER: Final = 4096
"""Bytes before the tar."""
SLOT: Final = 32
"""Inode numbers count in these."""
INODE: Final = 64
LAST_BLOCK: Final = 0xFFFFFFFE
"""The highest block number: one more means a hole."""

PLAIN: Final = 1
IN_LINE: Final = 1 | 2 << 1
CHUNKED: Final = 1 | 4 << 1
"""What the first field of an inode says: extended, and where its bytes are."""

REGULAR: Final = 0o100000
FOLDER: Final = 0o040000
LINK: Final = 0o120000
CHARACTER: Final = 0o020000
DEVICE: Final = 0o060000
FIFO: Final = 0o010000
FILE_TYPES: Final = bytes((0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7, 0, 6, 0, 0, 0))
"""The type that a directory names, by the upper four bits of a mode."""

HEAD: Final = struct.Struct("<HHHHQIIIIqII16x")
"""Form, size of the attributes, mode, -, size, place, -, uid, gid, seconds, nanoseconds, links."""

_MAGIC: Final = 0xE0F5E1E2
_MARK: Final = b"shale layer\0"
_VERSION: Final = 1
_OWN: Final = struct.Struct("<12sIQQ")
_SUPERBLOCK_AT: Final = 1024
_CHUNKED_FILES: Final = 4
_SUPERBLOCK: Final = struct.Struct("<IIIBBHQQIIII16s16sI44x")
_DIRENT: Final = struct.Struct("<QHBx")
_ATTRIBUTE: Final = struct.Struct("<BBH")
_PREFIXES: Final = (
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
)
_WHOLE_NAMES: Final = {b"system.posix_acl_access": 2, b"system.posix_acl_default": 3}

inode = HEAD.pack
dirent = _DIRENT.pack


def padded(content: bytes, unit: int) -> bytes:
    """The content with zeros up to a multiple of the unit."""
    return content + bytes(-len(content) % unit)


def device_number(major: int, minor: int) -> int:
    """A device as an inode has it: 12 bits of major, 20 bits of minor, as the kernel packs them."""
    return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12


def attribute_block(attributes: Mapping[bytes, bytes]) -> bytes:
    """Extended attributes as they follow an inode; empty where there are none.

    Args:
        attributes: by name; of the kinds that `attributes` has let pass.
    """
    if not attributes:
        return b""
    parts = [bytes(12)]
    for name, value in sorted(attributes.items()):
        number, rest = _prefix(name)
        parts.append(padded(_ATTRIBUTE.pack(len(rest), number, len(value)) + rest + value, 4))
    return b"".join(parts)


def attribute_count(block: bytes) -> int:
    """The field of an inode that says how long its attributes are: the first twelve bytes count as one."""
    return (len(block) - 12) // 4 + 1 if block else 0


def attribute_size(count: int) -> int:
    """Bytes of the attributes, by that field."""
    return 12 + 4 * (count - 1) if count else 0


def _prefix(name: bytes) -> tuple[int, bytes]:
    for prefix, number in _PREFIXES:
        if name.startswith(prefix):
            return number, name[len(prefix) :]
    return _WHOLE_NAMES[name], b""


def superblock(root: int, inodes: int, blocks: int, begin: int, uuid: bytes) -> bytes:
    """The 128 bytes at 1024.

    Args:
        root: number of the root's inode.
        inodes: how many there are.
        blocks: of the whole file.
        begin: block where the inodes begin.
        uuid: 16 bytes that other layers have otherwise. Without one overlay would not know again the file of
            which one in its upper directory is a copy, and the inode numbers of hard links to it would differ.
    """
    return _SUPERBLOCK.pack(
        _MAGIC, 0, 0, 9, 0, root, inodes, 0, 0, blocks, begin, 0, uuid, bytes(16), _CHUNKED_FILES
    )


def header(tar_size: int, size: int, block: bytes) -> bytes:
    """The 4096 bytes at the beginning of the file.

    Args:
        tar_size: bytes of the tar, which follows.
        size: of the whole file.
        block: the superblock.
    """
    return (_OWN.pack(_MARK, _VERSION, tar_size, size).ljust(_SUPERBLOCK_AT, b"\0") + block).ljust(
        HEADER, b"\0"
    )


def read_header(begun: bytes) -> tuple[int, int] | None:
    """What a file says of itself: bytes of the tar, bytes of the file; None where it is no finished layer.

    Args:
        begun: the first 4096 bytes of the file.
    """
    if len(begun) != HEADER:
        return None
    mark, version, tar_size, size = _OWN.unpack_from(begun)
    return (tar_size, size) if (mark, version) == (_MARK, _VERSION) and HEADER + tar_size < size else None
