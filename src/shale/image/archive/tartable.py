"""Where the files of a tar lie: one walk over its headers, and byte ranges from then on.

Nothing is extracted. Links (docker before 25 writes a layer that two images share once, and a symbolic link
for the other) are looked up in the same table and nowhere else.

Specification: POSIX pax "ustar Interchange Format"; layer/scan.py says what is followed where it is silent.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final, cast

import msgspec

from shale.image.archive.members import InvalidArchive, MemberNotFound, components
from shale.image.byterange import ByteRange
from shale.layer.header import HARD_LINK, REGULAR, SYMLINK, Header
from shale.layer.scan import TarScan
from shale.linux.durable import disk_errors

__all__ = ["TarMembers"]

_BLOCK: Final = 512
_MOST: Final = 100_000
"""Entries; an archive of a thousand images of a hundred layers."""
_HOPS: Final = 8

_Name = tuple[str, ...]


class _File(msgspec.Struct, frozen=True):
    start: int
    size: int


class _Link(msgspec.Struct, frozen=True):
    target: bytes
    above: _Name


class TarMembers:
    """The files of a tar that can be read at any offset."""

    def __init__(self, handle: int, begin: int = 0) -> None:
        """Read all headers.

        Args:
            handle: descriptor of a regular file; it stays the caller's.
            begin: where in it the archive begins, in bytes.

        Raises:
            InvalidTar, TruncatedTar: it is no tar, or was cut.
            InvalidArchive: it has too many entries.
        """
        self._handle = handle
        self._begin = begin
        self._table: dict[_Name, _File | _Link] = {}
        self._twice: set[_Name] = set()
        self._scan = TarScan(self._entry)
        self._walk()

    def _walk(self) -> None:
        scan = self._scan
        with disk_errors("reading the archive"):
            end = os.fstat(self._handle).st_size - self._begin
            while scan.position < end and not scan.ended:
                if scan.skippable:
                    scan.skip(min(scan.skippable, end - scan.position))
                else:
                    scan.feed(os.pread(self._handle, _BLOCK, self._begin + scan.position))
        scan.close()

    def _entry(self, header: Header) -> None:
        if self._scan.entries > _MOST:
            raise InvalidArchive(f"the archive has more than {_MOST} entries")
        try:
            name = components(header.name.decode())
        except (UnicodeDecodeError, InvalidArchive):
            return  # nothing that we look for is called so, and nothing is extracted
        found: _File | _Link
        if header.kind == REGULAR and header.extents is None:
            found = _File(self._begin + self._scan.position, header.size)
        elif header.kind == SYMLINK:
            found = _Link(header.link, name[:-1])
        elif header.kind == HARD_LINK:
            found = _Link(header.link, ())
        else:
            return
        if name in self._table:
            self._twice.add(name)
        self._table[name] = found

    def _find(self, name: str) -> _File:
        """The byte range of a file.

        A name that stands there twice is refused: two readers could take it for two different things.
        """
        key = components(name)
        for _ in range(_HOPS):
            if key in self._twice:
                raise InvalidArchive(f"the archive has two files called {'/'.join(key)[:200]!r}")
            found = self._table.get(key)
            if found is None:
                raise MemberNotFound(name)
            if isinstance(found, _File):
                return found
            key = _follow(found)
        raise InvalidArchive(f"{name[:200]!r} in the archive is a link to a link, and so on")

    def size(self, name: str) -> int:
        """See `Members`."""
        return self._find(name).size

    def open_at(self, name: str, offset: int) -> BinaryIO:
        """See `Members`."""
        found = self._find(name)
        return cast("BinaryIO", ByteRange(self._handle, found.start + offset, found.start + found.size))


def _follow(link: _Link) -> _Name:
    """What a link names, inside the archive."""
    try:
        text = link.target.decode()
    except UnicodeDecodeError:
        raise InvalidArchive("a link in the archive has a name that is not UTF-8") from None
    parts = list(link.above)
    if text.startswith("/"):
        raise InvalidArchive(f"a link in the archive leads out of it: {text[:200]!r}")
    for part in text.split("/"):
        if part == "..":
            if not parts:
                raise InvalidArchive(f"a link in the archive leads out of it: {text[:200]!r}")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return components("/".join(parts))
