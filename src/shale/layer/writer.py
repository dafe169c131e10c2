"""Writing a tar, the same bytes for the same entries on every machine.

Headers are plain ustar where everything fits; what does not is said by the records of a pax header before it:
long names and such that are not ASCII, large owners and sizes, times with fractions, extended attributes.
GNU tar, libarchive, Go and Python read both. There are no names of owners: they differ between machines.

Specification: POSIX pax "ustar Interchange Format", "pax Extended Header".
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote_from_bytes

from shale.layer.entry import TreeEntry
from shale.layer.field import BLOCK, checksums, padding
from shale.layer.header import DIRECTORY, RECORDS, REGULAR
from shale.layer.pax import format_records

__all__ = ["END", "TarWriter", "header_of"]

END: Final = bytes(2 * BLOCK)
"""What an archive ends with."""

_NAME: Final = 100
_PREFIX: Final = 155
_SMALL: Final = 0o7777777
_LARGE: Final = 0o77777777777
_SECOND: Final = 10**9
_BLOCK: Final = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0        %b%bustar\x0000%b%07o\0%07o\0%b"
"""A header block, the checksum as spaces: POSIX "ustar Header Block"."""
_RECORDS_NAME: Final = b"PaxHeaders/entry"
_BINARY: Final = b"BINARY"


class TarWriter:
    """Writes a tar, entry by entry, in the order in which they are added.

    Args:
        emit: takes the bytes, in pieces of any size.

    Attributes:
        entries: how many there are so far.
    """

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self.entries = 0
        self._emit = emit

    def add(self, entry: TreeEntry, body: Iterable[bytes] = ()) -> None:
        """Write one entry.

        Args:
            entry: the entry.
            body: the bytes of a regular file, in pieces.

        Raises:
            ValueError: there are more or fewer bytes than `entry.size` says; what was written is no tar then.
        """
        self.entries += 1
        size = entry.size if entry.kind == REGULAR else 0
        self._emit(header_of(entry))
        left = size
        for piece in body:
            left -= len(piece)
            if left < 0:
                break
            self._emit(piece)
        if left:
            raise ValueError(f"the file {entry.path[:200]!r} has {size - left} bytes, not {size}")
        if pad := padding(size):
            self._emit(bytes(pad))

    def finish(self) -> None:
        """Write the end of the archive."""
        self._emit(END)


def header_of(entry: TreeEntry) -> bytes:
    """The header of an entry, with a pax header before it where one is needed.

    The bytes of a regular file follow it, `entry.size` of them, and `padding` of zeros.
    """
    size = entry.size if entry.kind == REGULAR else 0
    records: dict[bytes, bytes] = {}
    name = (entry.path or b".") + b"/" if entry.kind == DIRECTORY else entry.path
    prefix, short = _split(name)
    if not short:
        records[b"path"] = name
    link = entry.link
    if len(link) > _NAME or not link.isascii():
        records[b"linkpath"] = link
        link = b""
    for key, value, most in ((b"uid", entry.uid, _SMALL), (b"gid", entry.gid, _SMALL), (b"size", size, _LARGE)):
        if value > most:
            records[key] = b"%d" % value
    seconds, fraction = divmod(entry.mtime_ns, _SECOND)
    if fraction or not 0 <= seconds <= _LARGE:
        records[b"mtime"] = _time(entry.mtime_ns)
    if not (_is_text(name) and _is_text(entry.link)):
        records[b"hdrcharset"] = _BINARY
    for attribute, raw in entry.xattrs.items():
        records.update([_attribute(attribute, raw)])
    block = _block(
        short or _ascii(name),
        prefix,
        entry.kind,
        entry.mode & 0o7777,
        (entry.uid, entry.gid),
        size,
        seconds,
        link,
        (entry.major, entry.minor),
    )
    if not records:
        return block
    said = format_records(records)
    head = _block(_RECORDS_NAME, b"", RECORDS, 0o644, (0, 0), len(said), 0, b"", (0, 0))
    return head + said + bytes(padding(len(said))) + block


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Prefix and name as ustar has them; an empty name where they do not fit."""
    if not name.isascii():
        return b"", b""
    if len(name) <= _NAME:
        return b"", name
    # The slash between them is not written; the name may not be empty.
    cut = name.find(b"/", max(0, len(name) - _NAME - 1), len(name) - 1)
    if cut < 1 or cut > _PREFIX:
        return b"", b""
    return name[:cut], name[cut + 1 :]


def _ascii(name: bytes) -> bytes:
    """Something like the name, for readers that do not look at records."""
    end = b"/" if name.endswith(b"/") else b""
    plain = bytes(byte for byte in name.strip(b"/") if byte < 0x80)
    return (plain[-(_NAME - 1) :].lstrip(b"/") or b"entry") + end


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _time(nanoseconds: int) -> bytes:
    """A time as pax writes it: the sign is of the whole, `-0.5` is half a second before 1970."""
    seconds, fraction = divmod(abs(nanoseconds), _SECOND)
    sign = b"-" if nanoseconds < 0 else b""
    return sign + (b"%d.%09d" % (seconds, fraction)).rstrip(b"0").rstrip(b".")


def _attribute(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """The record of an attribute: as star writes it, or as libarchive does where the name holds a `=`."""
    if b"=" in name:
        written = base64.b64encode(value).rstrip(b"=")
        return b"LIBARCHIVE.xattr." + quote_from_bytes(name, safe="").encode(), written
    return b"SCHILY.xattr." + name, value


def _fit(value: int, most: int) -> int:
    """A number as its field has it; 0 where it does not fit and a record says it."""
    return value if 0 <= value <= most else 0


def _block(
    name: bytes,
    prefix: bytes,
    kind: bytes,
    mode: int,
    owner: tuple[int, int],
    size: int,
    seconds: int,
    link: bytes,
    device: tuple[int, int],
) -> bytes:
    block = _BLOCK % (
        name.ljust(_NAME, b"\0"),
        mode,
        _fit(owner[0], _SMALL),
        _fit(owner[1], _SMALL),
        _fit(size, _LARGE),
        _fit(seconds, _LARGE),
        kind,
        link.ljust(_NAME, b"\0"),
        bytes(64),
        *device,
        prefix.ljust(_PREFIX + 12, b"\0"),
    )
    return b"%b%06o\0 %b" % (block[:148], checksums(block)[0], block[156:])
