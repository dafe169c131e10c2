"""One entry of a tar archive: its header block, and the records that correct it.

Specification: POSIX pax "ustar Interchange Format"; GNU tar manual "Basic Tar Format"; image-spec layer.md
for what layers use of it. Where they leave room, Go's archive/tar is followed: it wrote the world's layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from shale.layer import pax
from shale.layer.field import InvalidTar, TruncatedTar, checksums, decimal, number, octal, text
from shale.layer.sparse import Extent, version

__all__ = [
    "BLOCK_DEVICE",
    "BODILESS",
    "CHARACTER_DEVICE",
    "CONTIGUOUS",
    "DIRECTORY",
    "FIFO",
    "GLOBAL_RECORDS",
    "GNU_SPARSE",
    "HARD_LINK",
    "LONG_LINK",
    "LONG_NAME",
    "RECORDS",
    "REGULAR",
    "SPECIAL",
    "SYMLINK",
    "Extent",
    "Format",
    "Header",
    "InvalidTar",
    "TruncatedTar",
    "merge",
    "parse_block",
]

REGULAR: Final = b"0"
HARD_LINK: Final = b"1"
SYMLINK: Final = b"2"
CHARACTER_DEVICE: Final = b"3"
BLOCK_DEVICE: Final = b"4"
DIRECTORY: Final = b"5"
FIFO: Final = b"6"
CONTIGUOUS: Final = b"7"
RECORDS: Final = b"x"
GLOBAL_RECORDS: Final = b"g"
LONG_NAME: Final = b"L"
LONG_LINK: Final = b"K"
GNU_SPARSE: Final = b"S"
SPECIAL: Final = frozenset((RECORDS, GLOBAL_RECORDS, LONG_NAME, LONG_LINK))
"""What is no entry, but says something of one."""

_NOTHING: Final[Mapping[bytes, bytes]] = MappingProxyType({})
_FILES: Final = frozenset((REGULAR, CONTIGUOUS, GNU_SPARSE))
_CORRECTIONS: Final = frozenset(
    (
        *(b"path", b"linkpath", b"size", b"uid", b"gid", b"uname", b"gname", b"atime", b"ctime"),
        *(b"GNU.sparse.major", b"GNU.sparse.minor", b"GNU.sparse.map", b"GNU.sparse.name"),
        *(b"GNU.sparse.size", b"GNU.sparse.realsize"),
    )
)
_OLD_REGULAR: Final = b"\0"
BODILESS: Final = frozenset((HARD_LINK, SYMLINK, CHARACTER_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO))
_SECOND: Final = 10**9
_USUAL: Final = re.compile(rb"([0-7]{7})[ \0]" * 3 + rb"([0-7]{11})[ \0]" * 2)
_NO_DEVICE: Final = (bytes(16), b"0000000\0" * 2)


class Format(Enum):
    """Which kind of writer made a header block."""

    V7 = "v7"
    USTAR = "ustar"
    STAR = "star"
    GNU = "gnu"


class Header(NamedTuple):
    """One entry, as its header block and the records before it say.

    A tuple because there is one for every file of a layer: it is made three times as fast as a dataclass.

    Names are bytes as they stand in the archive: not checked, not normalised, not UTF-8. Numbers are in
    range of 64 bits, sizes are not negative; nothing else of it is safe to act on unchecked.

    Attributes:
        name: the path.
        kind: the type flag, one byte; `merge` makes REGULAR or DIRECTORY of the NUL that old writers used.
        size: bytes of the file, holes of a sparse file included.
        stored: bytes that follow the header in the archive, without padding; 0 for kinds without a body.
        mode: permission bits, as written (some writers put the file type in).
        uid: owner.
        gid: group.
        mtime: nanoseconds since 1970.
        link: the target of a hard link or symbolic link.
        user: name of the owner.
        group: name of the group.
        major: of a device.
        minor: of a device.
        format: the kind of the header block.
        offset: of the header block in the stream.
        records: the pax records that apply.
        extents: what a sparse file stores; None for a file that is not sparse.
    """

    name: bytes
    kind: bytes = REGULAR
    size: int = 0
    stored: int = 0
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    link: bytes = b""
    user: bytes = b""
    group: bytes = b""
    major: int = 0
    minor: int = 0
    format: Format = Format.USTAR
    offset: int = 0
    records: Mapping[bytes, bytes] = _NOTHING
    extents: tuple[Extent, ...] | None = None

    @property
    def length(self) -> int:
        """Bytes that `lstat` says of the unpacked file, as docker adds them up for the SIZE of an image.

        A hard link has none of its own: it is the file that it is a link to. A folder is not counted.
        """
        if self.kind == SYMLINK:
            return len(self.link)
        return self.size if self.kind in _FILES else 0

    @property
    def xattrs(self) -> dict[bytes, bytes]:
        """The extended attributes, by name.

        Raises:
            InvalidTar: one is encoded wrongly.
        """
        return pax.xattrs(self.records, self.offset)


def parse_block(block: bytes, offset: int) -> Header:
    """Read one header block by itself.

    Args:
        block: 512 bytes, not all of them zero.
        offset: where it stands in the stream, for errors and for the result.

    Raises:
        InvalidTar: the checksum is wrong, a field is not a number, the size is negative.
    """
    if octal(block[148:156], "checksum", offset) not in checksums(block):
        raise InvalidTar("the checksum of a header is wrong", offset)
    form = _format(block)
    name, kind = text(block[:100]), block[156:157]
    mode, uid, gid, size, mtime = _numbers(block, offset)
    user = group = b""
    major = minor = 0
    if form is not Format.V7:
        user, group = text(block[265:297]), text(block[297:329])
        if block[329:345] not in _NO_DEVICE:
            major = number(block[329:337], "device number", offset)
            minor = number(block[337:345], "device number", offset)
        prefix = _prefix(block, form, offset)
        name = prefix + b"/" + name if prefix else name
    if size < 0:
        raise InvalidTar(f"the size {size} is negative", offset)
    return Header(
        name=name,
        kind=kind,
        size=size,
        stored=0 if kind in BODILESS else size,
        mode=mode,
        uid=uid,
        gid=gid,
        mtime=mtime * _SECOND,
        link=text(block[157:257]),
        user=user,
        group=group,
        major=major,
        minor=minor,
        format=form,
        offset=offset,
    )


def _numbers(block: bytes, offset: int) -> tuple[int, int, int, int, int]:
    """Mode, uid, gid, size and time: in one step where they are written as nearly all writers do."""
    if usual := _USUAL.match(block, 100):
        mode, uid, gid, size, mtime = usual.groups()
        return int(mode, 8), int(uid, 8), int(gid, 8), int(size, 8), int(mtime, 8)
    return (
        number(block[100:108], "mode", offset),
        number(block[108:116], "uid", offset),
        number(block[116:124], "gid", offset),
        number(block[124:136], "size", offset),
        number(block[136:148], "time", offset),
    )


def _format(block: bytes) -> Format:
    if block[257:263] == b"ustar\0":
        return Format.STAR if block[508:512] == b"tar\0" else Format.USTAR
    return Format.GNU if block[257:265] == b"ustar  \0" else Format.V7


def _prefix(block: bytes, form: Format, offset: int) -> bytes:
    if form is Format.USTAR:
        return text(block[345:500])
    if form is Format.STAR:
        number(block[476:488], "time", offset)
        number(block[488:500], "time", offset)
        return text(block[345:476])
    # GNU headers have no prefix but two times there. Go before 1.8 wrote one all the same, and images of
    # those years are still pulled: what is no time but ASCII is taken for a prefix, as Go does.
    try:
        for at in (345, 357):
            if block[at]:
                number(block[at : at + 12], "time", offset)
    except InvalidTar:
        prefix = text(block[345:500])
        return prefix if prefix.isascii() else b""
    return b""


def merge(header: Header, records: Mapping[bytes, bytes], name: bytes, link: bytes) -> Header:
    """The entry as the headers before it correct it.

    The extents of a sparse file are not filled in: they may stand further on in the stream.

    Args:
        header: from the entry's own block.
        records: of the pax header before it; empty values leave the field as it is.
        name: of the GNU long name before it, or empty.
        link: of the GNU long link before it, or empty.

    Raises:
        InvalidTar: a record is not of its type, or a size is negative.
    """
    at = header.offset
    if not records and not name and not link and header.kind != _OLD_REGULAR:
        return header
    if not name and not link and header.kind != _OLD_REGULAR and _CORRECTIONS.isdisjoint(records):
        # Nearly all records are a time with a fraction, or attributes.
        mtime = records.get(b"mtime")
        return header._replace(mtime=pax.timestamp(mtime, at) if mtime else header.mtime, records=records)
    get = {key: value for key, value in records.items() if value}.get
    size = _decimal(get(b"size"), header.size, "size", at)
    mtime, atime, ctime = (get(key) for key in (b"mtime", b"atime", b"ctime"))
    for time in (atime, ctime):
        if time is not None:
            pax.timestamp(time, at)
    name = name or get(b"path", header.name)
    kind = header.kind
    if kind == _OLD_REGULAR:
        kind = DIRECTORY if name.endswith(b"/") else REGULAR
    stored = 0 if kind in BODILESS else size
    if version(records):
        name = get(b"GNU.sparse.name", name)
        size = _decimal(get(b"GNU.sparse.size") or get(b"GNU.sparse.realsize"), size, "size", at)
        if kind in BODILESS:
            raise InvalidTar("an entry that is no file is marked as a sparse file", at)
    if size < 0 or stored < 0:
        raise InvalidTar(f"the size {min(size, stored)} is negative", at)
    return header._replace(
        name=name,
        kind=kind,
        size=size,
        stored=stored,
        uid=_decimal(get(b"uid"), header.uid, "uid", at),
        gid=_decimal(get(b"gid"), header.gid, "gid", at),
        mtime=header.mtime if mtime is None else pax.timestamp(mtime, at),
        link=link or get(b"linkpath", header.link),
        user=get(b"uname", header.user),
        group=get(b"gname", header.group),
        records=records,
    )


def _decimal(record: bytes | None, otherwise: int, what: str, offset: int) -> int:
    return otherwise if record is None else decimal(record, what, offset)
