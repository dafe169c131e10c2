"""Random chains of layers: names that often meet, and everything that layers do to each other."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO

from mounted_trees import Found
from tar_entries import Entry, archive, folder, hardlink, symlink, whiteout

NAMES = (b"a", b"b", b"c", b"d")
SECOND = 10**9


def opener(tar: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(tar)


def random_chain(seed: int, *, privileged: bool = True) -> list[bytes]:
    """The tars of a chain, bottom first.

    Some are wrong together (a hard link to nothing), which is for the caller to see.

    Args:
        seed: the same one gives the same chain.
        privileged: whether files have owners, and attributes that are for root.
    """
    chance = random.Random(seed)
    files: list[bytes] = []
    return [archive(*_layer(chance, files, privileged=privileged)) for _ in range(chance.randint(2, 4))]


def _layer(chance: random.Random, files: list[bytes], *, privileged: bool) -> Sequence[Entry]:
    entries = [_entry(chance, files) for _ in range(chance.randint(1, 12))]
    if not privileged:
        return entries
    return [
        replace(entry, uid=chance.randrange(3), gid=chance.randrange(3)) if chance.random() < 0.3 else entry
        for entry in entries
    ]


def _path(chance: random.Random, most: int) -> bytes:
    return b"/".join(chance.choice(NAMES) for _ in range(chance.randint(1, most)))


def _entry(chance: random.Random, files: list[bytes]) -> Entry:
    name, mtime = _path(chance, 4), chance.randrange(1, 10**9) * SECOND
    above, _, last = name.rpartition(b"/")
    above += b"/" if above else b""
    roll = chance.random()
    if roll < 0.25:
        return replace(folder(name, chance.choice((0o755, 0o700, 0o1777))), mtime=mtime)
    if roll < 0.5 or not files:
        files.append(name)
        content = chance.randbytes(chance.choice((0, 3, 700)))
        xattrs = {b"user.note": b"n"} if chance.random() < 0.2 else {}
        return Entry(name, content=content, mode=chance.choice((0o644, 0o4755)), mtime=mtime, xattrs=xattrs)
    if roll < 0.65:
        target = chance.choice((b"", b"/", b"../", b"./")) + _path(chance, 2)
        return replace(symlink(name, target), mtime=mtime)
    if roll < 0.78:
        return hardlink(name, chance.choice(files[-4:]))
    if roll < 0.9:
        return whiteout(above + b".wh." + last)
    if roll < 0.96:
        return whiteout(name + b"/.wh..wh..opq")
    if roll < 0.98:
        return Entry(name, b"6", mode=0o600, mtime=mtime)
    return replace(folder(b".", chance.choice((0o755, 0o711))), mtime=mtime)


def as_seen(tree: dict[bytes, Found]) -> dict[bytes, Found]:
    """A tree without what overlay adds: its own attributes, and links that are counted but hidden."""
    marks = (b"trusted.overlay.", b"user.overlay.")
    return {
        path: replace(found, links=0, xattrs=tuple(one for one in found.xattrs if not one[0].startswith(marks)))
        for path, found in tree.items()
    }
