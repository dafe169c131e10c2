"""An archive from outside, put into a folder as it streams by: `shale cp - CONTAINER:FOLDER`.

It may be compressed: that is undone in this process, never by a program, least of all one of the container's
(CVE-2026-41567).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from shale.container.files.putting import Putting
from shale.image.archive.expand import MAGIC, Expander
from shale.layer.entry import TreeEntry
from shale.layer.header import CONTIGUOUS, GNU_SPARSE, REGULAR, Header
from shale.layer.scan import TarScan

__all__ = ["put_archive"]

_PIECE: Final = 1 << 20


def put_archive(stream: BinaryIO, putting: Putting, check: Callable[[], None]) -> int:
    """Put all entries of an archive.

    Args:
        stream: plain, or compressed with gzip, zstd, bzip2 or xz.
        putting: takes the entries; it is not finished.
        check: called often; it may raise to stop.

    Returns:
        Bytes of the archive, decompressed.

    Raises:
        InvalidTar, TruncatedTar, CorruptStream: it is no archive, or damaged; what came before is there.
        ShaleError: as `Putting.begin`.
    """
    entries = _Entries(putting)
    scan = TarScan(entries.header, entries.body)
    begun = b""
    while len(begun) < MAGIC and (more := stream.read(MAGIC - len(begun))):
        begun += more
    expander = Expander(begun)
    piece = begun
    while piece:
        check()
        for plain in expander.feed(piece):
            scan.feed(plain)
        piece = stream.read(_PIECE)
    expander.close()
    scan.close()
    putting.end()
    return scan.position


class _Entries:
    """Hands entries on, with the bytes of sparse files where they belong."""

    def __init__(self, putting: Putting) -> None:
        self._putting = putting
        self._extents: list[tuple[int, int]] = []
        self._sparse = False

    def header(self, header: Header) -> None:
        self._putting.end()
        self._sparse = header.extents is not None
        self._extents = [(one.offset, one.length) for one in reversed(header.extents or ())]
        self._putting.begin(entry_of(header))

    def body(self, piece: memoryview) -> None:
        if not self._sparse:
            self._putting.write(piece)
            return
        while piece and self._extents:
            offset, length = self._extents.pop()
            taken = min(length, len(piece))
            self._putting.write(piece[:taken], offset)
            piece = piece[taken:]
            if taken < length:
                self._extents.append((offset + taken, length - taken))


def entry_of(header: Header) -> TreeEntry:
    """A header of an archive as an entry to put."""
    return TreeEntry(
        path=header.name,
        kind=REGULAR if header.kind in (CONTIGUOUS, GNU_SPARSE) else header.kind,
        mode=header.mode & 0o7777,
        uid=header.uid,
        gid=header.gid,
        mtime_ns=header.mtime,
        size=header.size,
        link=header.link,
        xattrs=header.xattrs,
        major=header.major,
        minor=header.minor,
    )
