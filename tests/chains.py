"""Layers for tests: their entries in a few words each, as tar archives, and random lists of them.

No line of shale is in what writes the archives.
"""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

KINDS = {
    "dir": tarfile.DIRTYPE,
    "file": tarfile.REGTYPE,
    "link": tarfile.LNKTYPE,
    "symlink": tarfile.SYMTYPE,
    "fifo": tarfile.FIFOTYPE,
    "char": tarfile.CHRTYPE,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a layer; `fields` are further ones of `tarfile.TarInfo`."""

    name: str
    kind: str
    body: bytes = b""
    fields: Mapping[str, object] = field(default_factory=dict)


def folder(name: str, mode: int = 0o755, mtime: int = 1000, **more: object) -> Entry:
    return Entry(name, "dir", fields={"mode": mode, "mtime": mtime, **more})


def file(name: str, body: bytes = b"x", mode: int = 0o644, mtime: int = 1000, **more: object) -> Entry:
    return Entry(name, "file", body, {"mode": mode, "mtime": mtime, **more})


def link(name: str, target: str) -> Entry:
    return Entry(name, "link", fields={"linkname": target})


def symlink(name: str, target: str, mtime: int = 1000) -> Entry:
    return Entry(name, "symlink", fields={"linkname": target, "mtime": mtime})


def gone(name: str) -> Entry:
    """The whiteout of a name."""
    above, _, last = name.rpartition("/")
    return file(f"{above}/.wh.{last}" if above else f".wh.{last}", b"")


def opaque(name: str) -> Entry:
    """The opaque whiteout of a folder."""
    return file(f"{name}/.wh..wh..opq" if name else ".wh..wh..opq", b"")


def archive(entries: Sequence[Entry]) -> bytes:
    """A layer's tar."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            member = tarfile.TarInfo(entry.name)
            member.type, member.size = KINDS[entry.kind], len(entry.body)
            for name, value in entry.fields.items():
                setattr(member, name, value)
            tar.addfile(member, io.BytesIO(entry.body))
    return stream.getvalue()


def opener(content: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(content)


NAMES = ("a", "b", "c", "d")


def random_path(chance: random.Random, most: int = 4) -> str:
    return "/".join(chance.choice(NAMES) for _ in range(chance.randint(1, most)))


def random_entry(chance: random.Random, files: list[str]) -> Entry:
    """Anything, with names that often meet; `files` are names that files had before."""
    name, mtime = random_path(chance), chance.randrange(1, 10**9)
    roll = chance.random()
    if roll < 0.25:
        return folder(name, chance.choice((0o755, 0o700, 0o1777)), mtime, uid=chance.randrange(3))
    if roll < 0.5:
        body = chance.randbytes(chance.choice((0, 3, 700)))
        more = {"pax_headers": {"SCHILY.xattr.user.note": "n"}} if chance.random() < 0.2 else {}
        files.append(name)
        return file(name, body, chance.choice((0o644, 0o4755)), mtime, gid=chance.randrange(3), **more)
    if roll < 0.65:
        target = chance.choice(("", "/", "../", "./")) + random_path(chance, 2)
        return symlink(name, target, mtime)
    if roll < 0.78 and files:
        return link(name, chance.choice(files[-4:]))
    if roll < 0.9:
        return gone(name)
    if roll < 0.96:
        return opaque(name)
    if roll < 0.98:
        return Entry(name, "fifo", fields={"mode": 0o600, "mtime": mtime})
    return folder(".", chance.choice((0o755, 0o711)), mtime)


def random_layers(seed: int, most_layers: int = 4, most_entries: int = 12) -> list[list[Entry]]:
    """A chain; many are wrong (a hard link to nothing), which is for the caller to see."""
    chance = random.Random(seed)
    files: list[str] = []
    return [
        [random_entry(chance, files) for _ in range(chance.randint(1, most_entries))]
        for _ in range(chance.randint(2, most_layers))
    ]
