"""Comparing a tree on disk with what its list says of it, file by file, byte by byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from isal.isal_zlib import crc32

from shale.layer.header import BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, REGULAR, SYMLINK
from shale.linux.xattr import get_xattrs
from shale.snapshot.facts import Facts
from shale.snapshot.form import LayerDamaged
from shale.snapshot.treelist import Listed
from shale.snapshot.walk import Node, Path

__all__ = ["TreeCheck"]

_PIECE: Final = 1 << 20
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FAR: Final = 10**9 << 31
"""Nanoseconds from 1970 to where the time of some file systems ends; what lies beyond they cut to fit."""
_DEVICES: Final = (CHARACTER_DEVICE, BLOCK_DEVICE)
_TYPES: Final[Mapping[bytes, int]] = {
    REGULAR: stat.S_IFREG,
    DIRECTORY: stat.S_IFDIR,
    SYMLINK: stat.S_IFLNK,
    CHARACTER_DEVICE: stat.S_IFCHR,
    BLOCK_DEVICE: stat.S_IFBLK,
    FIFO: stat.S_IFIFO,
}


class TreeCheck:
    """One comparison.

    Where the list notes that something could not be kept, owners, set-id bits, devices and attributes may be
    missing; what is there must be right all the same.

    Args:
        root: descriptor of the tree's root.
        listed: what its list says.
        marks: what the names of overlay's attributes begin with.
        keep_owner: whether files should belong to whom the layer says.
    """

    def __init__(self, root: int, listed: Listed, marks: bytes, *, keep_owner: bool) -> None:
        self._root = root
        self._listed = listed
        self._marks = marks
        self._exact = not listed.notes
        self._owners = keep_owner and self._exact
        # Of each file that was looked at, by the identity of its facts: which inode it is.
        self._inodes: dict[int, int] = {}

    def run(self) -> None:
        """Compare everything.

        Raises:
            LayerDamaged: something is missing, too much, or different.
            OSError: the disk.
        """
        self._compare((), self._listed.tree.root.facts, os.fstat(self._root))
        todo: list[tuple[Path, Node]] = [((), self._listed.tree.root)]
        while todo:
            path, node = todo.pop()
            folder = self._open(path)
            try:
                self._folder(folder, path, node)
            finally:
                os.close(folder)
            todo += [((*path, name), child) for name, child in node.children.items() if child.is_folder]

    def _open(self, path: Path) -> int:
        """A folder, component by component: each was compared before, but no link is followed all the same."""
        folder = os.open(".", _FOLDER, dir_fd=self._root)
        for name in path:
            below = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        return folder

    def _folder(self, folder: int, path: Path, node: Node) -> None:
        """Compare a folder's marks, and everything in it but what is in folders in it."""
        attributes = get_xattrs(folder)
        if (attributes.get(self._marks + b"opaque") == b"y") != node.opaque:
            _damaged(path, "it is not as opaque as it should be")
        self._attributes(path, node.facts, attributes)
        there = {os.fsencode(name) for name in os.listdir(folder)}
        for name in there - node.children.keys():
            _damaged((*path, name), "it should not be there")
        for name, child in node.children.items():
            if name in there:
                self._entry(folder, (*path, name), child)
            elif self._exact or child.facts.kind not in _DEVICES:
                _damaged((*path, name), "it is missing")

    def _entry(self, folder: int, path: Path, node: Node) -> None:
        found = os.stat(path[-1], dir_fd=folder, follow_symlinks=False)
        if node.is_whiteout:
            if not stat.S_ISCHR(found.st_mode) or found.st_rdev != 0:
                _damaged(path, "it should be a whiteout")
            return
        self._compare(path, node.facts, found)
        if node.is_folder:
            return
        known = self._inodes.get(id(node.facts))
        if known is not None:
            if known != found.st_ino:
                _damaged(path, "it is another file than those it should be linked to")
            return
        self._inodes[id(node.facts)] = found.st_ino
        self._attributes(path, node.facts, get_xattrs(folder, path[-1]))
        if node.facts.kind == SYMLINK and os.readlink(path[-1], dir_fd=folder) != node.facts.link:
            _damaged(path, "it points elsewhere")
        if node.facts.kind == REGULAR:
            self._content(folder, path, node.facts)

    def _compare(self, path: Path, facts: Facts, found: os.stat_result) -> None:
        if stat.S_IFMT(found.st_mode) != _TYPES[facts.kind]:
            _damaged(path, "it is of another type")
        mask = 0o7777 if self._owners else 0o1777
        if facts.kind != SYMLINK and (found.st_mode ^ facts.mode) & mask:
            _damaged(path, f"its mode is {stat.S_IMODE(found.st_mode):o}")
        if self._owners and (found.st_uid, found.st_gid) != (facts.uid, facts.gid):
            _damaged(path, f"its owner is {found.st_uid}:{found.st_gid}")
        if found.st_mtime_ns != facts.mtime and abs(facts.mtime) < _FAR:
            _damaged(path, "its time is another")
        if facts.kind == REGULAR and found.st_size != facts.size:
            _damaged(path, f"its size is {found.st_size}")
        if facts.kind in _DEVICES and found.st_rdev != os.makedev(facts.major, facts.minor):
            _damaged(path, "it is another device")

    def _attributes(self, path: Path, facts: Facts, found: Mapping[bytes, bytes]) -> None:
        # Those that the host adds by itself (security.selinux) are not looked at.
        for name, value in facts.xattrs.items():
            if found.get(name, None if self._exact else value) != value:
                _damaged(path, f"its attribute {name!r} is another")

    def _content(self, folder: int, path: Path, facts: Facts) -> None:
        assert facts.source is not None
        total = 0
        file = os.open(path[-1], _FILE, dir_fd=folder)
        try:
            for offset, length in facts.source.extents or ((0, facts.size),):
                for piece in _read(file, offset, length):
                    total = crc32(piece, total)
        finally:
            os.close(file)
        if total != self._listed.sums[facts.source.at]:
            _damaged(path, "its bytes are others")


def _read(file: int, offset: int, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = os.pread(file, min(length, _PIECE), offset)
        if not piece:
            return
        yield piece
        offset += len(piece)
        length -= len(piece)


def _damaged(path: Path, problem: str) -> NoReturn:
    raise LayerDamaged(f"the layer's file {b'/'.join(path)[:200]!r} is damaged: {problem}")
