"""What the model of a layer is made of, while its tar streams by.

Nearly everything in a layer is a file with one name, and nothing that comes later changes what its inode
will be. So the model has it as the very bytes of that inode (with attributes, and a link's target behind
it), 64 and some: a million files fit in a few hundred megabytes, and writing the index is joining them.
Only what changes later is an object: folders, and files with several names or bytes that are elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from shale.layer.sparse import Extent
from shale.snapshot.erofs.layout import CHARACTER, HEAD, INODE, LINK, PLAIN, attribute_size, inode

__all__ = ["WHITEOUT", "Folder", "Leaf", "Node", "Scattered", "link_target"]

_EXTENT: Final = 120
"""Bytes of memory for an extent."""

WHITEOUT: Final = inode(PLAIN, 0, CHARACTER, 0, 0, 0, 0, 0, 0, 0, 0, 1)
"""What overlay takes for `there is nothing here`."""


class Scattered(msgspec.Struct, frozen=True):
    """A sparse file.

    Attributes:
        begin: of its stored bytes in the tar.
        size: of the file, holes and all.
        extents: what is stored.
    """

    begin: int
    size: int
    extents: Sequence[Extent]


class Leaf:
    """A file with several names, or one whose bytes are not in the tar in one piece.

    Attributes:
        record: its inode and attributes; number of links and place are filled in at the end.
        content: what is to be written behind the tar: a long target of a link, a sparse file, or nothing.
        links: names, counted when the index is written.
        number: of its inode, 0 before it has one.
    """

    __slots__ = ("content", "links", "number", "record")

    def __init__(self, record: bytes, content: bytes | Scattered | None = None) -> None:
        self.record = record
        self.content = content
        self.links = 0
        self.number = 0

    @property
    def memory(self) -> int:
        """Bytes that it takes, about."""
        if isinstance(self.content, Scattered):
            return len(self.record) + _EXTENT * len(self.content.extents)
        return len(self.record) + len(self.content or b"")


class Folder:
    """A folder.

    Attributes:
        children: by name.
        mode: permissions, without the type.
        uid: owner.
        gid: group.
        mtime: nanoseconds since 1970.
        attributes: extended attributes, as they follow the inode.
        opaque: whether it hides what layers below have in it.
        alone: whether layers below have nothing in it, whatever they are: it, or one above it, takes the
            place of something else in this layer.
        hides: whether there are, or were, whiteouts in it.
    """

    __slots__ = ("alone", "attributes", "children", "gid", "hides", "mode", "mtime", "opaque", "uid")

    def __init__(self, *, alone: bool, opaque: bool = False) -> None:
        self.children: dict[bytes, Node] = {}
        self.mode = 0o755
        self.uid = self.gid = self.mtime = 0
        self.attributes: dict[bytes, bytes] = {}
        self.opaque = opaque
        self.alone = alone
        self.hides = False


Node: TypeAlias = bytes | Leaf | Folder


def link_target(node: bytes | Leaf) -> bytes | None:
    """Where a symbolic link leads; None for other files."""
    record = node if isinstance(node, bytes) else node.record
    if record[5] >> 4 != LINK >> 12:
        return None
    if isinstance(node, Leaf) and isinstance(node.content, bytes):
        return node.content
    _, count, _, _, size, *_ = HEAD.unpack_from(record)
    begin = INODE + attribute_size(count)
    return record[begin : begin + size]
