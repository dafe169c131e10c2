"""Writing the index of a layer behind its tar: the same bytes for the same layer, always.

First comes what is in whole blocks (large folders, long targets of links, sparse files), then the inodes,
folder after folder, the children of one next to each other. Nothing but the header has to know where the
inodes begin, so all can be written in one pass from front to back.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec

from shale.layer.field import InvalidTar
from shale.layer.sparse import Extent
from shale.snapshot.erofs.chunks import ChunkPlan, plan_chunks, stored_chunks
from shale.snapshot.erofs.inodes import Inodes
from shale.snapshot.erofs.layout import (
    BLOCK,
    CHUNKED,
    FILE_TYPES,
    FOLDER,
    HEAD,
    HEADER,
    IN_LINE,
    INODE,
    LAST_BLOCK,
    PLAIN,
    REGULAR,
    SLOT,
    attribute_block,
    attribute_count,
    attribute_size,
    header,
    inode,
    padded,
    superblock,
)
from shale.snapshot.erofs.listing import least_size, listing
from shale.snapshot.erofs.nodes import Folder, Leaf, Scattered

__all__ = ["Tar", "write_index"]

_OPAQUE: Final = {b"trusted.overlay.opaque": b"y"}
_ORIGIN: Final = {b"trusted.overlay.origin": b""}
"""What makes overlay look for whiteouts in a folder that no other layer has."""
_FOLDER_TYPE: Final = FILE_TYPES[FOLDER >> 12]
_SECOND: Final = 10**9
_SPARSE_SLACK: Final = 256 << 20
"""Bytes that sparse files may take besides twice as many as the tar has."""
_PAGE: Final = 4096
_NAME: Final = itemgetter(0)


class _Expected(NamedTuple):
    """A folder whose inode has a number and a place, and is written when those of its children have theirs."""

    folder: Folder
    number: int
    parent: int
    place: int
    attributes: bytes
    in_line: bool


class Tar(msgspec.Struct, frozen=True):
    """The tar in front of an index.

    Attributes:
        size: bytes; of any number.
        read: gives bytes of it, by offset and length.
        dirty: where files begin in it that have other bytes than zeros behind their end.
    """

    size: int
    read: Callable[[int, int], bytes]
    dirty: AbstractSet[int] = frozenset()


def write_index(root: Folder, tar: Tar, write: Callable[[bytes], None]) -> bytes:
    """Write what stands behind the tar.

    Args:
        root: of the layer; it cannot be used again.
        tar: the tar.
        write: takes the bytes that follow the tar, in order.

    Returns:
        The header of the whole file, to be written last.

    Raises:
        InvalidTar: sparse files take much more room than what is stored of them, or all is larger than 2 TiB.
    """
    return _Index(tar, write).finish(root)


class _Index:
    """One index while it is written."""

    def __init__(self, tar: Tar, write: Callable[[bytes], None]) -> None:
        self._tar = tar
        self._dirty = {(HEADER + begin) // BLOCK for begin in tar.dirty}
        self._write_on = write
        self._hasher = hashlib.sha256()
        self._at = HEADER + tar.size
        self._sparse = _SPARSE_SLACK + 2 * tar.size
        self._inodes = Inodes()
        self._leaves: list[tuple[int, Leaf, bytes]] = []
        self._waiting: deque[_Expected] = deque()

    def finish(self, root: Folder) -> bytes:
        self._pad(BLOCK)
        first = self._expect(root, None)
        while self._waiting:
            self._folder(self._waiting.popleft())
        for place, leaf, record in self._leaves:
            self._inodes.put(place, record[:44] + leaf.links.to_bytes(4, "little") + record[48:])
        self._pad(BLOCK)
        begin = self._block()
        for piece in self._inodes.pieces():
            self._write(piece)
        self._pad(_PAGE)
        uuid = self._hasher.digest()[:16]
        block = superblock(first, self._inodes.count, self._block(), begin, uuid)
        return header(self._tar.size, self._at, block)

    def _expect(self, folder: Folder, parent: int | None) -> int:
        """Give a folder's inode its place, to be filled when its children have theirs."""
        marks = (_OPAQUE if folder.opaque else {}) | (_ORIGIN if folder.hides else {})
        attributes = attribute_block(folder.attributes | marks if marks else folder.attributes)
        length = INODE + len(attributes)
        whole = length + least_size(folder.children)
        in_line = whole <= BLOCK
        number, place = self._inodes.expect(whole if in_line else length)
        above = number if parent is None else parent
        self._waiting.append(_Expected(folder, number, above, place, attributes, in_line))
        return number

    def _folder(self, expected: _Expected) -> None:
        folder, number = expected.folder, expected.number
        entries = [(b".", number, _FOLDER_TYPE), (b"..", expected.parent, _FOLDER_TYPE)]
        links = 2
        place = self._inodes.place
        for name, node in sorted(folder.children.items(), key=_NAME):
            if isinstance(node, bytes):
                number = self._leaf(Leaf(node)) if self._dirty else place(node)
                entries.append((name, number, FILE_TYPES[node[5] >> 4]))
            elif isinstance(node, Folder):
                entries.append((name, self._expect(node, number), _FOLDER_TYPE))
                links += 1
            else:
                entries.append((name, self._leaf(node), FILE_TYPES[node.record[5] >> 4]))
        entries.sort()
        content = listing(entries)
        form, address = (IN_LINE, 0) if expected.in_line else (PLAIN, self._store(content))
        attributes = expected.attributes
        seconds, nanoseconds = divmod(folder.mtime, _SECOND)
        record = inode(
            form,
            attribute_count(attributes),
            FOLDER | folder.mode,
            0,
            len(content),
            address,
            0,
            folder.uid,
            folder.gid,
            seconds,
            nanoseconds,
            links,
        )
        record += attributes + content if expected.in_line else attributes
        self._inodes.put(expected.place, padded(record, SLOT))

    def _leaf(self, leaf: Leaf) -> int:
        leaf.links += 1
        if leaf.links > 1:
            return leaf.number
        record, content = leaf.record, leaf.content
        if content is None and self._dirty:
            record, content = self._clean(record)
        if isinstance(content, bytes):
            record = _placed(record, self._store(content))
        elif content is not None:
            plan = self._plan(content)
            record = _placed(record, plan.power) + plan.map(self._block())
            for piece in stored_chunks(content, plan, self._tar.read):
                self._write(piece)
        record = padded(record, SLOT)
        leaf.number, place = self._inodes.expect(len(record))
        self._leaves.append((place, leaf, record))
        return leaf.number

    def _clean(self, record: bytes) -> tuple[bytes, Scattered | None]:
        """The inode of a file as it is, or one of a copy where that has to be made."""
        form, count, mode, _, size, block, *_ = HEAD.unpack_from(record)
        if form != PLAIN or mode & 0o170000 != REGULAR or block not in self._dirty:
            return record, None
        copied = CHUNKED.to_bytes(2, "little") + record[2 : INODE + attribute_size(count)]
        return copied, Scattered(block * BLOCK - HEADER, size, (Extent(0, size),))

    def _plan(self, file: Scattered) -> ChunkPlan:
        plan = plan_chunks(file)
        self._sparse -= plan.stored + plan.map_size
        if self._sparse < 0:
            raise InvalidTar(
                "the holes of its sparse files take more room than the layer itself", self._tar.size
            )
        return plan

    def _store(self, content: bytes) -> int:
        """Write something in blocks of its own, and return where."""
        block = self._block()
        self._write(padded(content, BLOCK))
        return block

    def _block(self) -> int:
        block = self._at // BLOCK
        if block > LAST_BLOCK:
            raise InvalidTar("the layer is larger than the 2 TiB that EROFS takes", self._tar.size)
        return block

    def _write(self, content: bytes) -> None:
        self._at += len(content)
        self._hasher.update(content)
        self._write_on(content)

    def _pad(self, unit: int) -> None:
        self._write(bytes(-self._at % unit))


def _placed(record: bytes, place: int) -> bytes:
    """An inode that says where its bytes are."""
    return record[:16] + place.to_bytes(4, "little") + record[20:]
