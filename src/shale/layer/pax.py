"""The records of a pax extended header: `LENGTH KEY=VALUE` lines that correct the entry after it.

Specification: POSIX pax "pax Extended Header"; GNU tar manual "Sparse Formats" for `GNU.sparse.*`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from shale.layer.field import InvalidTar

__all__ = ["format_records", "parse_records", "timestamp", "xattrs"]

_STRINGS: Final = (b"path", b"linkpath", b"uname", b"gname")
_SPARSE_PAIR: Final = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
_LENGTH: Final = re.compile(rb"0{0,19}([1-9][0-9]{0,7}) ")
_TIME: Final = re.compile(rb"([+-]?)([0-9]{1,18})(?:\.([0-9]*))?\Z")
_SCHILY: Final = b"SCHILY.xattr."
_LIBARCHIVE: Final = b"LIBARCHIVE.xattr."


def parse_records(data: bytes, offset: int) -> dict[bytes, bytes]:
    """Read the body of an extended header; a later record replaces an earlier one of its key.

    The repeated pairs of sparse format 0.0 come back as the one `GNU.sparse.map` of format 0.1.

    Args:
        data: the whole body.
        offset: of the extended header, for errors.

    Raises:
        InvalidTar: a length that does not fit, no key, a NUL where none may be, sparse pairs out of order.
    """
    records: dict[bytes, bytes] = {}
    pairs: list[bytes] = []
    at = 0
    while at < len(data):
        length = _LENGTH.match(data, at)
        end = at + int(length[1]) if length else 0
        key, equals, value = data[length.end() : end - 1].partition(b"=") if length else (b"", b"", b"")
        if not key or not equals or end > len(data) or data[end - 1] != 0x0A or not _allowed(key, value):
            raise InvalidTar(f"a pax record is malformed: {data[at : at + 40]!r}", offset)
        if key in _SPARSE_PAIR:
            if key != _SPARSE_PAIR[len(pairs) % 2] or b"," in value:
                raise InvalidTar("the sparse records are out of order", offset)
            pairs.append(value)
        else:
            records[key] = value
        at = end
    if pairs:
        records[b"GNU.sparse.map"] = b",".join(pairs)
    return records


def _allowed(key: bytes, value: bytes) -> bool:
    # Many writers put raw bytes into values (xattrs); a NUL in a name would cut it short for some readers.
    return b"\0" not in (value if key in _STRINGS else key)


def format_records(records: Mapping[bytes, bytes]) -> bytes:
    """The body of an extended header with these records, sorted by key; `parse_records` reads it back.

    Raises:
        ValueError: a key that is empty or holds `=`, or a NUL where none may be.
    """
    lines = []
    for key, value in sorted(records.items()):
        if not key or b"=" in key or not _allowed(key, value):
            raise ValueError(f"{key!r} cannot be a pax record")
        rest = len(key) + len(value) + 3
        # The length counts its own digits.
        length = rest + len(str(rest))
        length = rest + len(str(length))
        lines.append(b"%d %s=%s\n" % (length, key, value))
    return b"".join(lines)


def timestamp(value: bytes, offset: int) -> int:
    """Read `SECONDS.FRACTION` into nanoseconds since 1970; digits beyond nanoseconds are dropped.

    Raises:
        InvalidTar: not such a number.
    """
    found = _TIME.match(value)
    if not found:
        raise InvalidTar(f"the time {value[:40]!r} of a pax record is not a number", offset)
    sign, seconds, fraction = found.groups()
    nanoseconds = int(seconds) * 10**9 + int(((fraction or b"") + b"0" * 9)[:9])
    return -nanoseconds if sign == b"-" else nanoseconds


def xattrs(records: Mapping[bytes, bytes], offset: int) -> dict[bytes, bytes]:
    """The extended attributes among the records, by name.

    star, GNU tar and Go write `SCHILY.xattr.NAME=raw bytes`; bsdtar writes `LIBARCHIVE.xattr.NAME=base64`
    with the name URL-encoded, mostly beside the former. The raw form wins where both are there.

    Raises:
        InvalidTar: a value that should be base64 and is not.
    """
    found: dict[bytes, bytes] = {}
    for key, value in records.items():
        if key.startswith(_LIBARCHIVE):
            name = unquote_to_bytes(key[len(_LIBARCHIVE) :])
            try:
                # libarchive leaves the padding out.
                decoded = base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
            except binascii.Error as problem:
                raise InvalidTar(f"the attribute {name!r} is not base64", offset) from problem
            found.setdefault(name, decoded)
    for key, value in records.items():
        if key.startswith(_SCHILY):
            found[key[len(_SCHILY) :]] = value
    return found
