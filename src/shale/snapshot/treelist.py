"""The list that lies beside a tree: every entry of its layer without the bytes, but with their checksum.

It is a log: one record for each entry, in the order of the archive, written while the layer streams by, so
nothing has to be remembered. What the tree must look like comes of it as of the archive itself. The checksums
(CRC-32) are to find what a disk has lost, not what an enemy has written, who could change the list as well.

    length    4 bytes, little-endian; of the record
    record    MessagePack: an array, the fields of `Record` in their order
    ...
    length    0: the entries are complete
    length    and an array of texts: the DiffID of the archive, and what could not be kept
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec
from isal.isal_zlib import crc32

from shale.errors import Corrupt, ShaleError
from shale.layer.header import Extent, Header
from shale.layer.scan import TarScan
from shale.oci.digest import DiffID
from shale.snapshot.adding import Adding
from shale.snapshot.interest import Interest
from shale.snapshot.model import Tree

__all__ = ["ListDamaged", "ListWriter", "Listed", "read_list"]

_SECOND: Final = 10**9
_LONGEST: Final = 1 << 22
"""Bytes of a record: the names and attributes of an entry have at most 1 MiB each in an archive."""


class ListDamaged(Corrupt):
    """The list beside a tree is cut off, or holds something else."""


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """An entry. Fields are as in `layer/header`, the time in seconds and nanoseconds.

    `sum` is of the bytes that the archive stores of a file.
    """

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime: tuple[int, int]
    size: int
    stored: int
    link: bytes
    major: int
    minor: int
    xattrs: dict[bytes, bytes]
    extents: list[Extent] | None
    sum: int


class ListWriter:
    """Writes the list of a layer while its tar streams by.

    Args:
        out: where to; it stays the caller's.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._scan = TarScan(self._entry, self._body)
        self._tar = hashlib.sha256()
        self._header: Header | None = None
        self._sum = 0
        self._encode = msgspec.msgpack.Encoder().encode

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the tar.

        Raises:
            InvalidTar: they are no archive.
        """
        self._tar.update(piece)
        self._scan.feed(piece)

    def finish(self, notes: Sequence[str]) -> None:
        """Say that all bytes have come, and what could not be kept."""
        self._scan.close()
        self._record()
        self._write(b"")
        self._write(self._encode((str(DiffID.from_hasher("sha256", self._tar)), *notes)))

    def _entry(self, header: Header) -> None:
        self._record()
        self._header = header
        self._sum = 0

    def _body(self, piece: memoryview) -> None:
        self._sum = crc32(piece, self._sum)

    def _record(self) -> None:
        header = self._header
        if header is None:
            return
        self._header = None
        record = _Record(
            name=header.name,
            kind=header.kind,
            mode=header.mode,
            uid=header.uid,
            gid=header.gid,
            mtime=divmod(header.mtime, _SECOND),
            size=header.size,
            stored=header.stored,
            link=header.link,
            major=header.major,
            minor=header.minor,
            xattrs=header.xattrs,
            extents=None if header.extents is None else list(header.extents),
            sum=self._sum,
        )
        self._write(self._encode(record))

    def _write(self, record: bytes) -> None:
        self._out.write(len(record).to_bytes(4, "little") + record)


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says.

    Attributes:
        tree: what the layer means; `Source.at` of a file is its place in `sums`.
        sums: of what the archive stores of each entry.
        diff_id: of the archive, as text.
        notes: what could not be kept.
    """

    tree: Tree
    sums: Sequence[int]
    diff_id: str
    notes: Sequence[str]


def read_list(stream: BinaryIO) -> Listed:
    """Read a whole list; what it says of each entry is held in memory.

    Raises:
        ListDamaged: it is cut off, or holds something else.
    """
    everything = Interest()
    everything.add((), whole=True)
    tree = Tree(own=True)
    adding = Adding(0, everything, tree)
    decoder = msgspec.msgpack.Decoder(_Record)
    sums: list[int] = []
    try:
        while record := _next(stream):
            entry = decoder.decode(record)
            adding.take(_header(entry), len(sums))
            sums.append(entry.sum)
        diff_id, *notes = msgspec.msgpack.decode(_next(stream), type=tuple[str, ...])
    except (msgspec.MsgspecError, ShaleError, ValueError) as problem:
        raise ListDamaged(f"the list of a tree is damaged: {problem}") from problem
    return Listed(tree, sums, diff_id, notes)


def _next(stream: BinaryIO) -> bytes:
    length = stream.read(4)
    count = int.from_bytes(length, "little")
    record = stream.read(count) if count <= _LONGEST else b""
    if len(length) != 4 or len(record) != count:
        raise ListDamaged("it is cut off")
    return record


def _header(record: _Record) -> Header:
    return Header(
        name=record.name,
        kind=record.kind,
        mode=record.mode,
        uid=record.uid,
        gid=record.gid,
        mtime=record.mtime[0] * _SECOND + record.mtime[1],
        size=record.size,
        stored=record.stored,
        link=record.link,
        major=record.major,
        minor=record.minor,
        records={b"SCHILY.xattr." + name: value for name, value in record.xattrs.items()},
        extents=None if record.extents is None else tuple(record.extents),
    )
