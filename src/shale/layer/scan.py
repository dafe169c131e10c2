"""A tar archive as it streams by: every header read, no body kept.

There are three ways through it: one that only counts, one that hands out headers that are plain, and the
complete one, a block at a time, for everything else. They agree on every archive.

Specification: POSIX pax "ustar Interchange Format". What ends an archive, and what may be cut off of it, is
as in Go's archive/tar: two zero blocks, or the end of the stream between entries, in padding, or after one
zero block. Bytes after the two zero blocks are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from shale.layer import pax
from shale.layer.extents import SparseMaps
from shale.layer.field import BLOCK, LARGEST, SPECIAL_LIMIT, InvalidTar, TruncatedTar, padding, text
from shale.layer.header import (
    GNU_SPARSE,
    LONG_LINK,
    LONG_NAME,
    RECORDS,
    SPECIAL,
    SYMLINK,
    Header,
    merge,
    parse_block,
)
from shale.layer.plain import count_plain, parse_described, parse_plain
from shale.layer.sparse import version

__all__ = ["TarScan"]

_ZEROS: Final = bytes(BLOCK)
_NOTHING: Final[Mapping[bytes, bytes]] = {}


class TarScan:
    """Counts the entries of a tar archive, and the bytes of their files, in chunks of any size.

    Not for use by two threads at once. After an error it is of no more use.

    Args:
        on_entry: called with each entry, in order, before any byte of the stream after its header (and the
            map of a sparse file) is looked at. Records of pax that stand for the whole archive are no
            entries, and do not change entries: to Docker, containerd and Podman they do not either. While
            it is called `position` is where the stored bytes of the entry begin.
        on_body: called with the stored bytes of the entry that `on_entry` was called with last, in order and
            in pieces of any size, without padding; of a sparse file `Header.extents` says where they belong.
            A piece is good only until it returns. Not called for bytes that were passed over by `skip`.

    Attributes:
        entries: how many there were so far.
        content_size: bytes of their files (`Header.length`), as Docker counts the SIZE of an image.
        position: bytes of the stream so far.
    """

    def __init__(
        self,
        on_entry: Callable[[Header], None] | None = None,
        on_body: Callable[[memoryview], None] | None = None,
    ) -> None:
        self.entries = 0
        self.content_size = 0
        self.position = 0
        self._on_entry = on_entry
        self._on_body = on_body
        self._sparse = SparseMaps(self._collect, self._entry)
        self._run = self._count_plain if on_entry is None else self._hand_out_plain
        self._ended = False
        # Bytes to pass over, and how many of the last of them are padding, which may be missing at the end.
        self._skip = self._slack = 0
        # What is being collected: how many bytes, those there are, what to do then; `_inside` an entry or
        # between two. Only the quick way needs to know whether the next block is a header like any other.
        self._wanted = BLOCK
        self._gathered = bytearray()
        self._then: Callable[[bytes], None] = self._block
        self._inside = False
        self._quick = True
        self._records: Mapping[bytes, bytes] = _NOTHING
        self._name = self._link = b""

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the stream; they are not kept.

        Raises:
            InvalidTar: they are not what an archive goes on with.
        """
        if self._on_body is not None:
            chunk = memoryview(chunk)
        at, end, start = 0, len(chunk), self.position
        while at < end:
            if self._ended:
                at = end
            elif self._skip:
                step = min(self._skip, end - at)
                self._hand_out_body(chunk, at, step)
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

    def _hand_out_body(self, chunk: bytes | memoryview, at: int, step: int) -> None:
        """Hand out what of the next `step` bytes is body and not padding."""
        body = self._skip - self._slack
        if self._on_body is not None and body > 0:
            self._on_body(memoryview(chunk)[at : at + min(step, body)])

    def _count_plain(self, chunk: bytes | memoryview, at: int) -> int:
        """Go over plain headers and their bodies, from `at` to the first header that is not plain."""
        after, entries, content, size = count_plain(chunk, at, self.position - at)
        if after == at:
            self._gathered += chunk[at : at + BLOCK]
            return at + BLOCK
        self._count(entries, content, self.position)
        return self._after_plain(chunk, after, size)

    def _hand_out_plain(self, chunk: bytes | memoryview, at: int) -> int:
        """The same with `on_entry` and `on_body` called for each: one copy of the header, one match more."""
        last = len(chunk) - BLOCK
        begin, start = at, self.position - at
        on_entry, on_body = self._on_entry, self._on_body
        assert on_entry is not None
        size = 0
        while at <= last:
            header = parse_plain(bytes(chunk[at : at + BLOCK]), start + at)
            if header is not None and header.kind not in SPECIAL:
                at += BLOCK
            else:
                described = parse_described(chunk, at, start, header)
                if described is None:
                    break
                header, at = described
            self.position = start + at
            size = header.stored
            self._count(1, len(header.link) if header.kind == SYMLINK else size, header.offset)
            on_entry(header)
            if size:
                if on_body is not None:
                    on_body(memoryview(chunk)[at : at + size])
                at += size + 511 & ~511
        if at == begin:
            self._gathered += chunk[at : at + BLOCK]
            return at + BLOCK
        return self._after_plain(chunk, at, size)

    def _after_plain(self, chunk: bytes | memoryview, at: int, size: int) -> int:
        """Where to go on after a quick way: `at`, or the end of the chunk where a body goes beyond it."""
        self._name = self._link = b""
        if at <= len(chunk):
            return at
        self._skip, self._slack = at - len(chunk), padding(size)
        return len(chunk)

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
        self._quick = not self._records and not self._link and (self._on_entry is None or not self._name)

    def _block(self, block: bytes) -> None:
        if block == _ZEROS:
            self._collect(BLOCK, self._second_zeros, inside=False)
            return
        offset = self.position - BLOCK
        header = parse_plain(block, offset) or parse_block(block, offset)
        if header.kind in SPECIAL:
            if header.size > SPECIAL_LIMIT:
                raise InvalidTar(
                    f"an extended header has {header.size} bytes: at most 1 MiB is read", header.offset
                )
            self._collect(header.size, lambda body: self._special(header, body))
            return
        header = merge(header, self._records, self._name, self._link)
        self._records, self._name, self._link = _NOTHING, b"", b""
        if header.kind == GNU_SPARSE:
            self._sparse.in_header(header, block)
            return
        form = version(header.records)
        if form == "1":
            self._sparse.in_body(header)
        elif form:
            self._sparse.in_records(header)
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

    def _entry(self, header: Header, rest: int) -> None:
        """Count an entry that is read to the end, of whose body `rest` bytes are still to come."""
        self._count(1, header.length, header.offset)
        if self._on_entry is not None:
            self._on_entry(header)
        self._pass(rest, padding(header.stored))
