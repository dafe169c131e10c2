"""Archives for tests, made by Python's tarfile or block by block."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from shale.layer.header import Header


def block(
    name: bytes = b"f",
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    magic: bytes = b"ustar\x0000",
    mtime: bytes = b"00000000000\0",
    signed: bool = False,
) -> bytes:
    """One header block, with a right checksum."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + field + mtime
    tail = (kind + link.ljust(100, b"\0") + magic).ljust(356, b"\0")
    total = sum(head) + sum(tail) + 256
    if signed:
        total -= 256 * sum(1 for byte in head + tail if byte & 0x80)
    return head + b"%06o\0 " % total + tail


def body(content: bytes) -> bytes:
    """A body with its padding."""
    return content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """One pax record."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def records(*pairs: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """A pax header with these records."""
    content = b"".join(record(*pair) for pair in pairs)
    return block(b"pax", len(content), kind) + body(content)


END = bytes(1024)


def counted(entries: Iterable[Header]) -> int:
    """What docker's SIZE counts of these entries: files of every kind, and the targets of symbolic links."""
    return sum(
        len(entry.link) if entry.kind == b"2" else entry.size * (entry.kind in b"07S") for entry in entries
    )


def mixed(form: int = tarfile.GNU_FORMAT) -> bytes:
    """A small archive of every usual kind of entry, long names among them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        kinds = {
            "dir/": (tarfile.DIRTYPE, ""),
            "dir/link": (tarfile.SYMTYPE, "target"),
            "dir/hard": (tarfile.LNKTYPE, "dir/file"),
            "dir/" + "l" * 150: (tarfile.SYMTYPE, "t" * 200),
            "dev": (tarfile.CHRTYPE, ""),
            "fifo": (tarfile.FIFOTYPE, ""),
        }
        for name, (kind, link) in kinds.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, link
            entry.devmajor = 1
            archive.addfile(entry)
        for size in (0, 1, 511, 512, 513, 1500):
            entry = tarfile.TarInfo(f"dir/{'n' * (size // 8)}{size}")
            entry.size = size
            entry.mtime = 1_700_000_000
            archive.addfile(entry, io.BytesIO(b"\xe9" * size))
    return stream.getvalue()
