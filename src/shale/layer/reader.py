"""Reading a tree below a descriptor: folders by path, files by name, nothing followed, nothing changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final, Self

from shale.layer.openfolders import Folder, OpenFolders
from shale.linux.xattr import get_xattrs

__all__ = ["TreeReader", "read_file", "split"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE: Final = 1 << 20
_LEFT_OUT: Final = (
    b"trusted.overlay.",
    b"user.overlay.",
    b"security.selinux",
    b"security.ima",
    b"security.evm",
    b"security.SMACK64",
    b"system.nfs4_acl",
)
"""Orders to overlay, and what the policy of one machine says: no part of a tree that goes elsewhere."""


class TreeReader:
    """A tree that may change meanwhile: then a step raises FileNotFoundError or NotADirectoryError.

    Use it as a context manager, so that folders that stay open are closed.

    Args:
        root: descriptor of the root; it stays the caller's.
    """

    def __init__(self, root: int) -> None:
        self._root = Folder(os.open(b".", _FOLDER, dir_fd=root), b"", 0, new=False)
        self._open = OpenFolders()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close_from(b"")
        self._root.close()

    def folder(self, path: bytes) -> int:
        """A descriptor of a folder, good until the next one is asked for."""
        if not path:
            return self._root.descriptor
        known = self._open.get(path)
        if known is None:
            known = self._enter(path)
        return known.descriptor

    def _enter(self, path: bytes) -> Folder:
        folder, todo = self._root, []
        while path:
            known = self._open.get(path)
            if known is not None:
                folder = known
                break
            path, _, name = path.rpartition(b"/")
            todo.append(name)
        while todo:
            name = todo.pop()
            below = folder.path + b"/" + name if folder.path else name
            folder = Folder(os.open(name, _FOLDER, dir_fd=folder.descriptor), below, 0, new=False)
            self._open.add(folder, None)
        return folder

    def names(self, path: bytes) -> list[bytes]:
        """What is in a folder."""
        return [os.fsencode(name) for name in os.listdir(self.folder(path))]

    def status(self, path: bytes) -> os.stat_result:
        """What lstat(2) says of a path."""
        above, name = split(path)
        if not name:
            return os.fstat(self._root.descriptor)
        return os.stat(name, dir_fd=self.folder(above), follow_symlinks=False)

    def target(self, path: bytes) -> bytes:
        """Where a symbolic link points."""
        above, name = split(path)
        return os.readlink(name, dir_fd=self.folder(above))

    def xattrs(self, path: bytes) -> dict[bytes, bytes]:
        """The extended attributes that go with a file to another machine."""
        above, name = split(path)
        found = get_xattrs(self.folder(above), name) if name else get_xattrs(self._root.descriptor)
        return {key: value for key, value in found.items() if not key.startswith(_LEFT_OUT)}

    def attribute(self, path: bytes, name: bytes) -> bytes | None:
        """One attribute of a folder, whatever it is for."""
        return get_xattrs(self.folder(path)).get(name)

    def open(self, path: bytes) -> tuple[int, os.stat_result]:
        """Open a regular file: a descriptor that the caller closes, and what fstat(2) says of it.

        Raises:
            FileNotFoundError: it is none any more.
        """
        above, name = split(path)
        opened = os.open(name, _FILE, dir_fd=self.folder(above))
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            os.close(opened)
            raise FileNotFoundError(name)
        return opened, found


def split(path: bytes) -> tuple[bytes, bytes]:
    """The folder of a path, and the name in it."""
    above, _, name = path.rpartition(b"/")
    return above, name


def read_file(descriptor: int, size: int) -> Iterator[bytes]:
    """So many bytes of an open file; zeros where it has become shorter."""
    left = size
    while left:
        piece = os.read(descriptor, min(left, _PIECE))
        if not piece:
            yield from (bytes(min(left - at, _PIECE)) for at in range(0, left, _PIECE))
            return
        left -= len(piece)
        yield piece
