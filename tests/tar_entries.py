"""Entries of layers for tests, byte by byte: any name, any number, good ones and bad ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

END = bytes(1024)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tar.

    Attributes:
        sparse: extents of a sparse file (offset, length), stored in pax form 1.0; `content` is what is stored.
        size: of a sparse file, holes and all.
    """

    name: bytes
    kind: bytes = b"0"
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    link: bytes = b""
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    device: tuple[int, int] = (0, 0)
    sparse: Sequence[tuple[int, int]] | None = None
    size: int = 0

    def encode(self) -> bytes:
        """Its blocks."""
        records = {b"SCHILY.xattr." + name: value for name, value in self.xattrs.items()}
        seconds, nanoseconds = divmod(self.mtime, 10**9)
        if nanoseconds or not 0 <= seconds < 8**11:
            sign = b"-" if self.mtime < 0 else b""
            whole, rest = divmod(abs(self.mtime), 10**9)
            records[b"mtime"] = b"%s%d.%09d" % (sign, whole, rest)
            seconds = 0
        stored = self.content
        if self.sparse is not None:
            numbers = [len(self.sparse), *(number for extent in self.sparse for number in extent)]
            listed = b"".join(b"%d\n" % number for number in numbers)
            stored = listed + bytes(-len(listed) % 512) + self.content
            records |= {b"GNU.sparse.major": b"1", b"GNU.sparse.minor": b"0"}
            records |= {b"GNU.sparse.realsize": b"%d" % self.size, b"GNU.sparse.name": self.name}
        name, link = self.name, self.link
        if len(name) > 100 and self.sparse is None:
            records[b"path"], name = name, name[:100]
        if len(link) > 100:
            records[b"linkpath"], link = link, link[:100]
        blocks = pax(records) if records else b""
        return blocks + _block(self, name[:100], link, seconds, len(stored)) + _padded(stored)


def _number(value: int, size: int) -> bytes:
    if 0 <= value < 8 ** (size - 1):
        return b"%0*o\0" % (size - 1, value)
    return bytes([0x80 if value >= 0 else 0xFF]) + value.to_bytes(size - 1, "big", signed=True)


def _block(entry: Entry, name: bytes, link: bytes, seconds: int, size: int) -> bytes:
    head = name.ljust(100, b"\0")
    head += _number(entry.mode, 8) + _number(entry.uid, 8) + _number(entry.gid, 8)
    head += _number(size, 12) + _number(seconds, 12)
    tail = entry.kind + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(64)
    tail = (tail + _number(entry.device[0], 8) + _number(entry.device[1], 8)).ljust(356, b"\0")
    return head + b"%06o\0 " % (sum(head) + sum(tail) + 256) + tail


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def pax(records: Mapping[bytes, bytes]) -> bytes:
    """A pax header."""
    lines = b""
    for key, value in records.items():
        rest = len(key) + len(value) + 3
        length = rest + len(str(rest))
        length = rest + len(str(length))
        lines += b"%d %s=%s\n" % (length, key, value)
    return _block(Entry(b"pax", b"x"), b"pax", b"", 0, len(lines)) + _padded(lines)


def folder(name: bytes, mode: int = 0o755, **more: int) -> Entry:
    """A folder."""
    return Entry(name, b"5", mode=mode, **more)  # type: ignore[arg-type]


def file(name: bytes, content: bytes = b"", mode: int = 0o644) -> Entry:
    """A file."""
    return Entry(name, content=content, mode=mode)


def symlink(name: bytes, target: bytes) -> Entry:
    """A symbolic link."""
    return Entry(name, b"2", link=target)


def hardlink(name: bytes, target: bytes) -> Entry:
    """A hard link."""
    return Entry(name, b"1", link=target)


def whiteout(name: bytes) -> Entry:
    """An empty file of this name, which has the prefix already."""
    return Entry(name)


def archive(*entries: Entry, end: bytes = END) -> bytes:
    """A whole tar."""
    return b"".join(entry.encode() for entry in entries) + end
