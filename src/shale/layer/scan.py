"""A tar archive as it streams by: every header read, no body kept.

Specification: POSIX pax "ustar Interchange Format". What ends an archive, and what may be cut off of it, is
as in Go's archive/tar: two zero blocks, or the end of the stream between entries, in padding, or after one
zero block. Bytes after the two zero blocks are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from zlib import adler32

from msgspec.structs import replace

from shale.layer import pax
from shale.layer.field import BLOCK, LARGEST, SPECIAL_LIMIT, InvalidTar, TruncatedTar, number, padding, text
from shale.layer.header import (
    GLOBAL_RECORDS,
    GNU_SPARSE,
    LONG_LINK,
    LONG_NAME,
    PLAIN,
    RECORDS,
    REGULAR,
    Format,
    Header,
    merge,
    parse_block,
)
from shale.layer.sparse import (
    Extent,
    check_extents,
    map_in_block,
    map_in_body,
    map_in_records,
    map_length,
    version,
)

__all__ = ["TarScan"]

_ZEROS: Final = bytes(BLOCK)
_NOTHING: Final[Mapping[bytes, bytes]] = {}

_REGULAR: Final = ord(REGULAR)


class TarScan:
    """Counts the entries of a tar archive, and the bytes of their files, in chunks of any size.

    Not for use by two threads at once. After an error it is of no more use.

    Args:
        on_entry: called with each entry, in order, before any byte of the stream after its header (and the
            map of a sparse file) is looked at. Records of pax that stand for the whole archive are no
            entries, and do not change entries: to Docker, containerd and Podman they do not either.

    Attributes:
        entries: how many there were so far.
        content_size: bytes of their files (`Header.length`), as Docker counts the SIZE of an image.
        position: bytes of the stream so far.
    """

    def __init__(self, on_entry: Callable[[Header], None] | None = None) -> None:
        self.entries = 0
        self.content_size = 0
        self.position = 0
        self._on_entry = on_entry
        self._ended = False
        # Bytes to pass over, and how many of the last of them are padding, which may be missing at the end.
        self._skip = self._slack = 0
        # What is being collected: how many bytes, those there are, what to do then; `_inside` an entry or
        # between two. Only the quick way needs to know whether the next block is a header like any other.
        self._wanted = BLOCK
        self._gathered = bytearray()
        self._then: Callable[[bytes], None] = self._block
        self._inside = False
        self._quick = on_entry is None
        self._records: Mapping[bytes, bytes] = _NOTHING
        self._name = self._link = b""

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the stream; they are not kept.

        Raises:
            InvalidTar: they are not what an archive goes on with.
        """
        at, end, start = 0, len(chunk), self.position
        while at < end:
            if self._ended:
                at = end
            elif self._skip:
                step = min(self._skip, end - at)
                self._skip -= step
                at += step
            elif self._quick and not self._gathered and end - at >= BLOCK:
                at = self._run(chunk, at)
            else:
                step = min(self._wanted - len(self._gathered), end - at)
                self._gathered += chunk[at : at + step]
                at += step
            self.position = start + at
            if len(self._gathered) == self._wanted:
                self._deliver()

    def close(self) -> None:
        """Say that the stream has ended.

        Raises:
            TruncatedTar: it ended inside a header or a body.
        """
        if not self._ended and (self._skip > self._slack or self._gathered or self._inside):
            raise TruncatedTar("it ends in the middle of an entry", self.position)

    @property
    def ended(self) -> bool:
        """Whether the end of the archive has come: what follows does not matter."""
        return self._ended

    @property
    def skippable(self) -> int:
        """How many of the next bytes will not be looked at, whatever they are: the rest of a body."""
        return self._skip

    def skip(self, count: int) -> None:
        """Take the next bytes unseen, so that whoever has a file can seek over a body.

        Args:
            count: at most `skippable`.
        """
        assert 0 <= count <= self._skip
        self._skip -= count
        self.position += count

    def _run(self, chunk: bytes | memoryview, at: int) -> int:
        """Go over plain headers and their bodies, from `at` to the first header that is not plain.

        This loop is the speed of the whole: one match, two sums, no copy but the header's.
        """
        entries = content = size = 0
        last = len(chunk) - BLOCK
        match = PLAIN.match
        begin = at
        while at <= last:
            found = match(chunk, at + 100, at + 345)
            if not found:
                break
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
        if at == begin:
            self._gathered += chunk[at : at + BLOCK]
            return at + BLOCK
        self._name = self._link = b""
        self._count(entries, content, self.position)
        if at > len(chunk):
            self._skip, self._slack = at - len(chunk), padding(size)
            return len(chunk)
        return at

    def _count(self, entries: int, content: int, offset: int) -> None:
        self.entries += entries
        self.content_size += content
        if self.content_size > LARGEST:
            raise InvalidTar("the files together are larger than any disk", offset)

    def _deliver(self) -> None:
        gathered = bytes(self._gathered)
        self._gathered.clear()
        self._then(gathered)

    def _collect(self, wanted: int, then: Callable[[bytes], None], *, inside: bool = True) -> None:
        """Have `then` called with the next `wanted` bytes."""
        self._wanted, self._then, self._inside, self._quick = wanted, then, inside, False
        if not wanted:
            then(b"")

    def _pass(self, body: int, pad: int) -> None:
        """Pass over the rest of a body and its padding; a header comes next."""
        self._skip, self._slack = body + pad, pad
        self._collect(BLOCK, self._block, inside=False)
        # A long name does not change what a plain header counts for; records and a long link may.
        self._quick = self._on_entry is None and not self._records and not self._link

    def _block(self, block: bytes) -> None:
        if block == _ZEROS:
            self._collect(BLOCK, self._second_zeros, inside=False)
            return
        header = parse_block(block, self.position - BLOCK)
        if header.kind in (RECORDS, GLOBAL_RECORDS, LONG_NAME, LONG_LINK):
            if header.size > SPECIAL_LIMIT:
                raise InvalidTar(
                    f"an extended header has {header.size} bytes: at most 1 MiB is read", header.offset
                )
            self._collect(header.size, lambda body: self._special(header, body))
            return
        header = merge(header, self._records, self._name, self._link)
        self._records, self._name, self._link = _NOTHING, b"", b""
        if header.kind == GNU_SPARSE:
            self._gnu_sparse(header, block)
            return
        form = version(header.records)
        if form == "1":
            self._body_extents(header)
        elif form:
            extents = map_in_records(header.records, header.offset)
            self._entry(_with_extents(header, extents, header.stored), header.stored)
        else:
            self._entry(header, header.stored)

    def _second_zeros(self, block: bytes) -> None:
        if block != _ZEROS:
            raise InvalidTar("a header follows a zero block", self.position - BLOCK)
        self._ended = True

    def _special(self, header: Header, body: bytes) -> None:
        if header.kind == LONG_NAME:
            self._name = text(body)
        elif header.kind == LONG_LINK:
            self._link = text(body)
        else:
            records = pax.parse_records(body, header.offset)
            if header.kind == RECORDS:
                self._records = records
            else:
                # Not applied, but well-formed all the same; what stood before it is for no entry.
                merge(header, records, b"", b"")
                self._records, self._name, self._link = _NOTHING, b"", b""
        self._pass(0, padding(header.size))

    def _gnu_sparse(self, header: Header, block: bytes) -> None:
        if header.format is not Format.GNU:
            raise InvalidTar("a sparse file in the form of GNU tar has another writer's header", header.offset)
        size = number(block[483:495], "size", header.offset)
        if size < 0:
            raise InvalidTar(f"the size {size} is negative", header.offset)
        self._gnu_extents(replace(header, size=size), [], map_in_block(block, header.offset, extension=False))

    def _gnu_extents(self, header: Header, known: list[Extent], found: tuple[list[Extent], bool]) -> None:
        """Take the extents that one block had, and those of the blocks after it while there are more."""
        extents, more = found
        known += extents
        if 24 * len(known) > SPECIAL_LIMIT:
            raise InvalidTar("a sparse map has more than 1 MiB", header.offset)
        if not more:
            self._entry(_with_extents(header, known, header.stored), header.stored)
            return

        def extension(block: bytes) -> None:
            self._gnu_extents(header, known, map_in_block(block, header.offset, extension=True))

        self._collect(BLOCK, extension)

    def _body_extents(self, header: Header) -> None:
        """Collect the map of a pax 1.0 sparse file, which stands before its bytes, block by block."""
        blocks = bytearray()
        missing = 1

        def more(block: bytes) -> None:
            nonlocal missing
            if not blocks:
                missing = map_length(block, header.offset)
            blocks.extend(block)
            missing -= block.count(b"\n")
            if missing > 0:
                collect()
                return
            rest = header.stored - len(blocks)
            extents = map_in_body(bytes(blocks), header.offset)
            self._entry(_with_extents(header, extents, rest), rest)

        def collect() -> None:
            if len(blocks) + BLOCK > min(header.stored, SPECIAL_LIMIT):
                raise InvalidTar("a sparse map is longer than its file, or than 1 MiB", header.offset)
            self._collect(BLOCK, more)

        collect()

    def _entry(self, header: Header, rest: int) -> None:
        """Count an entry that is read to the end, of whose body `rest` bytes are still to come."""
        self._count(1, header.length, header.offset)
        if self._on_entry is not None:
            self._on_entry(header)
        self._pass(rest, padding(header.stored))


def _with_extents(header: Header, extents: list[Extent], stored: int) -> Header:
    return replace(header, extents=check_extents(extents, header.size, stored, header.offset))
