"""The smallest EROFS image by hand: a root folder with one empty file, independent of the builder."""

from __future__ import annotations

import struct

BLOCK = 512


def small_image(name: bytes = b"file") -> bytes:
    """An image whose root has mode 0o751 and one empty file of this name, mode 0o640."""
    entries = [(b".", 0, 2), (b"..", 0, 2), (name, 2, 1)]
    offset = 12 * len(entries)
    heads, names = b"", b""
    for entry, nid, kind in entries:
        heads += struct.pack("<QHBB", nid, offset + len(names), kind, 0)
        names += entry
    listing = heads + names
    inodes = _inode(0o40751, len(listing), 5, 1, 2) + _inode(0o100640, 0, 0, 2, 1)
    superblock = struct.pack("<IIIBBHQQIIII", 0xE0F5E1E2, 0, 0, 9, 0, 0, 2, 0, 0, 6, 4, 0).ljust(128, b"\0")
    return (
        (bytes(1024) + superblock).ljust(2048, b"\0") + inodes.ljust(BLOCK, b"\0") + listing.ljust(BLOCK, b"\0")
    )


def _inode(mode: int, size: int, block: int, number: int, links: int) -> bytes:
    return struct.pack("<HHHHQIIIIQII16x", 1, 0, mode, 0, size, block, number, 0, 0, 7, 0, links)
