"""Writing the index of a layer behind its tar: the same bytes for the same layer, always.

First comes what is in whole blocks (large folders, long targets of links, sparse files), then the inodes,
folder after folder, the children of one next to each other. Nothing but the header has to know where the
inodes begin, so all can be written in one pass from front to back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from operator import itemgetter
from typing import Final, NamedTuple

from shale.layer.field import InvalidTar
from shale.snapshot.erofs.chunks import ChunkPlan, plan_chunks, stored_chunks
from shale.snapshot.erofs.layout import (
    BLOCK,
    FILE_TYPES,
    FOLDER,
    HEADER,
    IN_LINE,
    INODE,
    LAST_BLOCK,
    PLAIN,
    SLOT,
    attribute_block,
    attribute_count,
    header,
    inode,
    padded,
    superblock,
)
from shale.snapshot.erofs.listing import least_size, listing
from shale.snapshot.erofs.nodes import Folder, Leaf, Scattered

__all__ = ["write_index"]

_OPAQUE: Final = {b"trusted.overlay.opaque": b"y"}
_ORIGIN: Final = {b"trusted.overlay.origin": b""}
"""What makes overlay look for whiteouts in a folder that no other layer has."""
_FOLDER_TYPE: Final = FILE_TYPES[FOLDER >> 12]
_FIRST: Final = 2 * SLOT
"""The first inode is number 2: programs take number 0 for no file."""
_BATCH: Final = 8192
_SECOND: Final = 10**9
_SPARSE_SLACK: Final = 256 << 20
"""Bytes that sparse files may take besides as many as the tar has."""
_PAGE: Final = 4096
_IN_BLOCK: Final = BLOCK - 1
_NAME: Final = itemgetter(0)


class _Expected(NamedTuple):
    """A folder whose inode has a number and a place, and is written when those of its children have theirs."""

    folder: Folder
    number: int
    parent: int
    place: int
    attributes: bytes
    in_line: bool


def write_index(
    root: Folder, tar_size: int, read: Callable[[int, int], bytes], write: Callable[[bytes], None]
) -> bytes:
    """Write what stands behind the tar.

    Args:
        root: of the layer.
        tar_size: bytes of the tar, which may have any length.
        read: gives bytes of the tar, by offset and length.
        write: takes the bytes that follow the tar, in order.

    Returns:
        The header of the whole file, to be written last.

    Raises:
        InvalidTar: sparse files take much more room than what is stored of them, or all is larger than 2 TiB.
    """
    return _Index(tar_size, read, write).finish(root)


class _Index:
    """One index while it is written."""

    def __init__(
        self, tar_size: int, read: Callable[[int, int], bytes], write: Callable[[bytes], None]
    ) -> None:
        self._tar_size = tar_size
        self._read = read
        self._write_on = write
        self._at = HEADER + tar_size
        self._sparse = _SPARSE_SLACK + tar_size
        # The inodes, joined at the end; those of folders and of leaves are put where they were expected.
        self._inodes: list[bytes] = []
        self._inodes_size = 0
        self._count = 0
        self._leaves: list[tuple[int, Leaf, bytes]] = []
        self._waiting: deque[_Expected] = deque()

    def finish(self, root: Folder) -> bytes:
        self._pad(BLOCK)
        self._place(bytes(_FIRST))
        self._count = 0
        first = self._expect(root, None)
        while self._waiting:
            self._folder(self._waiting.popleft())
        for place, leaf, record in self._leaves:
            self._inodes[place] = record[:44] + leaf.links.to_bytes(4, "little") + record[48:]
        self._pad(BLOCK)
        begin = self._block()
        for at in range(0, len(self._inodes), _BATCH):
            self._write(b"".join(self._inodes[at : at + _BATCH]))
        self._pad(_PAGE)
        return header(self._tar_size, self._at, superblock(first, self._count, self._block(), begin))

    def _place(self, record: bytes, length: int = 0) -> int:
        """Give an inode its place, and return its number; what fits in a block is not cut by its end."""
        length = length or len(record)
        over = (self._inodes_size & _IN_BLOCK) + length - BLOCK
        if 0 < over < length <= BLOCK:
            gap = length - over
            self._inodes.append(bytes(gap))
            self._inodes_size += gap
        number = self._inodes_size // SLOT
        self._inodes.append(record)
        self._inodes_size += length
        self._count += 1
        return number

    def _expect(self, folder: Folder, parent: int | None) -> int:
        """Give a folder's inode its place, to be filled when its children have theirs."""
        marks = (_OPAQUE if folder.opaque else {}) | (_ORIGIN if folder.hides else {})
        attributes = attribute_block(folder.attributes | marks if marks else folder.attributes)
        length = INODE + len(attributes)
        whole = length + least_size(folder.children)
        in_line = whole <= BLOCK
        number = self._place(b"", -(-(whole if in_line else length) // SLOT) * SLOT)
        place = len(self._inodes) - 1
        above = number if parent is None else parent
        self._waiting.append(_Expected(folder, number, above, place, attributes, in_line))
        return number

    def _folder(self, expected: _Expected) -> None:
        folder, number = expected.folder, expected.number
        entries = [(b".", number, _FOLDER_TYPE), (b"..", expected.parent, _FOLDER_TYPE)]
        links = 2
        place = self._place
        for name, node in sorted(folder.children.items(), key=_NAME):
            if isinstance(node, bytes):
                entries.append((name, place(node), FILE_TYPES[node[5] >> 4]))
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
        self._inodes[expected.place] = padded(record, SLOT)

    def _leaf(self, leaf: Leaf) -> int:
        leaf.links += 1
        if leaf.links > 1:
            return leaf.number
        record, content = leaf.record, leaf.content
        if isinstance(content, bytes):
            record = _placed(record, self._store(content))
        elif content is not None:
            plan = self._plan(content)
            record = _placed(record, plan.power) + plan.map(self._block())
            for piece in stored_chunks(content, plan, self._read):
                self._write(piece)
        record = padded(record, SLOT)
        leaf.number = self._place(record)
        self._leaves.append((len(self._inodes) - 1, leaf, record))
        return leaf.number

    def _plan(self, file: Scattered) -> ChunkPlan:
        plan = plan_chunks(file)
        self._sparse -= plan.stored + plan.map_size
        if self._sparse < 0:
            raise InvalidTar(
                "the holes of its sparse files take more room than the layer itself", self._tar_size
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
            raise InvalidTar("the layer is larger than the 2 TiB that EROFS takes", self._tar_size)
        return block

    def _write(self, content: bytes) -> None:
        self._at += len(content)
        self._write_on(content)

    def _pad(self, unit: int) -> None:
        self._write(bytes(-self._at % unit))


def _placed(record: bytes, place: int) -> bytes:
    """An inode that says where its bytes are."""
    return record[:16] + place.to_bytes(4, "little") + record[20:]
