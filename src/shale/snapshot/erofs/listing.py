"""The entries of a folder as EROFS keeps them: blocks, in each the heads, then the names.

All names, `.` and `..` among them, are in the order of their bytes: the kernel searches for a block by the
first name in each, then in the block.

Specification: Linux fs/erofs/namei.c, dir.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from shale.snapshot.erofs.layout import BLOCK, dirent

__all__ = ["least_size", "listing"]

_DIRENT: Final = 12
_OWN: Final = 2 * _DIRENT + 3
"""Bytes of `.` and `..`."""


def least_size(names: Mapping[bytes, object]) -> int:
    """Bytes of the entries of a folder, where they fit in one block."""
    return _OWN + _DIRENT * len(names) + sum(map(len, names))


def listing(entries: Iterable[tuple[bytes, int, int]]) -> bytes:
    """All blocks of a folder, the last one without padding.

    Args:
        entries: name, number of the inode, type of the file; in order.
    """
    blocks: list[bytes] = []
    names: list[bytes] = []
    numbers: list[int] = []
    kinds: list[int] = []
    used = 0
    for name, number, kind in entries:
        size = _DIRENT + len(name)
        if used + size > BLOCK:
            blocks.append(_block(names, numbers, kinds).ljust(BLOCK, b"\0"))
            names, numbers, kinds, used = [], [], [], 0
        names.append(name)
        numbers.append(number)
        kinds.append(kind)
        used += size
    blocks.append(_block(names, numbers, kinds))
    return b"".join(blocks)


def _block(names: list[bytes], numbers: list[int], kinds: list[int]) -> bytes:
    at = _DIRENT * len(names)
    heads = []
    for name, number, kind in zip(names, numbers, kinds, strict=True):
        heads.append(dirent(number, at, kind))
        at += len(name)
    return b"".join(heads) + b"".join(names)
