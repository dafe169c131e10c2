"""What nearly every header block looks like, and reading those in a fraction of the time.

Whatever looks otherwise takes the slow and complete way (`header`), which says the same of these.
"""

from __future__ import annotations

import re
from typing import Final
from zlib import adler32

from shale.layer import pax
from shale.layer.field import BLOCK, SPECIAL_LIMIT, padding, text
from shale.layer.header import BODILESS, RECORDS, REGULAR, SPECIAL, Format, Header, merge
from shale.layer.sparse import version

__all__ = ["count_plain", "parse_described", "parse_plain"]

_PLAIN: Final = re.compile(
    rb"(?:[0-7]{7}[ \0]){3}([0-7]{11})[ \0][0-7]{11}[ \0]([0-7]{6})[ \0]{2}"  # mode to checksum: 100 to 156
    rb"(?:[0156]|2(?=([^\0]{0,100})))"  # kind: 156, and the target of a symbolic link: 157 to 257
    rb".{172}(?:(?:[0-7]{7}[ \0]|\0{8}){2})",  # device numbers: 329 to 345
    re.DOTALL,
)
"""What nearly every header looks like from its byte 100; all others take the slow and complete way.

Its groups are the size, the checksum, and the target of a symbolic link.
"""

_ENTRY: Final = re.compile(
    rb"([0-7]{7})[ \0]([0-7]{7})[ \0]([0-7]{7})[ \0]([0-7]{11})[ \0]([0-7]{11})[ \0]([0-7]{6})[ \0]{2}"
    rb"([01256LKx])(.{100})(ustar\0.{2}|ustar  \0)(.{32})(.{32})(?:\0{16}|(?:0{7}\0){2})",
    re.DOTALL,
)
"""The same for a reader who wants the fields: from byte 100 to 345 of a header of POSIX or GNU."""
_SECOND: Final = 10**9
_REGULAR: Final = ord(REGULAR)


def parse_plain(block: bytes, offset: int) -> Header | None:
    """Read one header block that looks like nearly all of them, in a fraction of the time.

    Args:
        block: 512 bytes.
        offset: where it stands in the stream.

    Returns:
        What `parse_block` and `merge` make of it by itself; None where they must be asked.
    """
    found = _ENTRY.match(block, 100)
    if found is None:
        return None
    mode, uid, gid, size, mtime, checksum, kind, link, magic, user, group = found.groups()
    # As in `checksums`, unsigned only.
    total = (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2
    if total + 8 * ord(" ") - sum(block[148:156]) != int(checksum, 8):
        return None
    form = Format.USTAR if magic[5] == 0 else Format.GNU
    name = block[:100].partition(b"\0")[0]
    if block[345] or block[357] or block[508]:
        if form is Format.GNU or block[508:512] == b"tar\0":
            return None
        if prefix := text(block[345:500]):
            name = prefix + b"/" + name
    length = int(size, 8)
    return Header(
        name,
        kind,
        length,
        0 if kind in BODILESS else length,
        int(mode, 8),
        int(uid, 8),
        int(gid, 8),
        int(mtime, 8) * _SECOND,
        link.partition(b"\0")[0],
        user.partition(b"\0")[0],
        group.partition(b"\0")[0],
        0,
        0,
        form,
        offset,
    )


def parse_described(
    chunk: bytes | memoryview, at: int, start: int, first: Header | None
) -> tuple[Header, int] | None:
    """Read an entry with a pax header before it, where all of that is in one piece and the file is not sparse.

    Args:
        chunk: the piece.
        at: where in it the pax header begins.
        start: where in the stream the piece begins.
        first: what `parse_plain` said of that block.

    Returns:
        The entry, and where in the piece its own header ends; None where the complete way must be taken.

    Raises:
        InvalidTar: as on the complete way.
    """
    if first is None or first.kind != RECORDS or first.size > SPECIAL_LIMIT:
        return None
    begin = at + BLOCK
    end = begin + first.size
    own = end + padding(first.size)
    if own + BLOCK > len(chunk):
        return None
    header = parse_plain(bytes(chunk[own : own + BLOCK]), start + own)
    if header is None or header.kind in SPECIAL:
        return None
    merged = merge(header, pax.parse_records(bytes(chunk[begin:end]), first.offset), b"", b"")
    return None if version(merged.records) else (merged, own + BLOCK)


def count_plain(chunk: bytes | memoryview, at: int, start: int) -> tuple[int, int, int, int]:
    """Go over entries and their bodies, up to the first that needs the complete way.

    This loop is the speed of whoever only counts: one match, two sums, no copy but the header's.

    Args:
        chunk: a piece of the stream.
        at: where in it a header begins.
        start: where in the stream the piece begins.

    Returns:
        Where in the piece the next header begins, which may be beyond its end; how many entries there were;
        the bytes that they count for; the bytes of the last one's body.
    """
    entries = content = size = 0
    last = len(chunk) - BLOCK
    match = _PLAIN.match
    while at <= last:
        found = match(chunk, at + 100, at + 345)
        if not found:
            described = parse_described(
                chunk, at, start, parse_plain(bytes(chunk[at : at + BLOCK]), start + at)
            )
            if described is None:
                break
            header, at = described
            entries += 1
            content += header.length
            size = header.stored
            at += size + 511 & ~511
            continue
        middle = at + 256
        field = chunk[at + 148 : at + 156]
        # As in `checksums`, unsigned only.
        total = (adler32(chunk[at:middle]) & 0xFFFF) + (adler32(chunk[middle : at + BLOCK]) & 0xFFFF)
        if total + 254 - sum(field) != int(found[2], 8):
            break
        entries += 1
        size = 0
        if chunk[at + 156] == _REGULAR:  # of the plain kinds the only one with a body
            size = int(found[1], 8)
            content += size
            at += size + 511 & ~511
        elif target := found[3]:
            content += len(target)
        at += BLOCK
    return at, entries, content, size
