"""Reading a file or folder of a container, or of this machine, as the entries of an archive.

The tree may be a living container's, which changes it while it is read, and may do so to harm: nothing is
followed, nothing but a regular file is ever opened for reading, and what is gone or shorter by the time that it
is read is left out or filled up with zeros.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Final, Protocol

import msgspec

from shale.container.files.trail import Trail
from shale.layer.entry import TreeEntry
from shale.layer.header import (
    BLOCK_DEVICE,
    CHARACTER_DEVICE,
    DIRECTORY,
    FIFO,
    HARD_LINK,
    REGULAR,
    SYMLINK,
)
from shale.linux.xattr import get_xattrs

__all__ = ["EntryWriter", "ReadingRules", "is_folder", "read_entry"]

_PIECE: Final = 1 << 18
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CONTENT: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

_KINDS: Final[Mapping[int, bytes]] = {
    stat.S_IFREG: REGULAR,
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFCHR: CHARACTER_DEVICE,
    stat.S_IFBLK: BLOCK_DEVICE,
    stat.S_IFIFO: FIFO,
}
"""What an archive can hold; a socket it cannot."""


class EntryWriter(Protocol):
    """Takes entries, in an order in which a folder comes before what is in it."""

    def add(self, entry: TreeEntry, body: Iterable[bytes], /) -> None:
        """Take one entry; `body` has exactly its size, for a regular file."""


class ReadingRules(msgspec.Struct, frozen=True):
    """What is read.

    Attributes:
        enters: whether to go into a folder, by what `fstat` says of it; the others are read as empty.
        keeps: whether an extended attribute is read, by its name.
    """

    enters: Callable[[os.stat_result], bool]
    keeps: Callable[[bytes], bool]


def is_folder(handle: int) -> bool:
    """Whether a descriptor is of a folder."""
    return stat.S_ISDIR(os.fstat(handle).st_mode)


def read_entry(handle: int, name: bytes, writer: EntryWriter, rules: ReadingRules) -> None:
    """Read a file or folder, with everything below it, in the order of the names.

    Args:
        handle: of the file or folder, O_PATH.
        name: what it is called in the archive; `.` for a folder whose content is meant, and empty where the
            folder has no entry of its own.
        writer: is given the entries.
        rules: what is read.

    Raises:
        OSError: as the kernel says it.
    """
    status = os.fstat(handle)
    reader = _Reader(writer, rules)
    if stat.S_ISDIR(status.st_mode):
        reader.folder(handle, status, name)
    else:
        reader.other(handle, status, name)


class _Reader:
    def __init__(self, writer: EntryWriter, rules: ReadingRules) -> None:
        self._writer = writer
        self._rules = rules
        self._names: dict[tuple[int, int], bytes] = {}
        """Under which name a file with several was read first."""

    def folder(self, handle: int, status: os.stat_result, name: bytes) -> None:
        with closing(Trail(_FOLDER)) as trail:
            below = [self._begin(trail, handle, status, name)]
            while below:
                inside = below[-1]
                if not inside.left:
                    below.pop()
                    os.close(trail.leave())
                    continue
                base = inside.left.pop()
                with suppress(FileNotFoundError):
                    found = os.open(base, _LOOK, dir_fd=trail.lowest)
                    try:
                        status = os.fstat(found)
                        path = inside.name + b"/" + base if inside.name else base
                        if stat.S_ISDIR(status.st_mode):
                            below.append(self._begin(trail, found, status, path))
                        else:
                            self.other(found, status, path)
                    finally:
                        os.close(found)

    def _begin(self, trail: Trail, handle: int, status: os.stat_result, name: bytes) -> _Inside:
        """Write the entry of a folder, and go into it."""
        descriptor = os.open(b".", _FOLDER, dir_fd=handle)
        try:
            if name:
                self._writer.add(self._entry(handle, status, DIRECTORY, name), ())
            left = sorted(map(os.fsencode, os.listdir(descriptor)), reverse=True)
        except BaseException:
            os.close(descriptor)
            raise
        trail.enter(descriptor)
        return _Inside(name, left if self._rules.enters(status) else [])

    def other(self, handle: int, status: os.stat_result, name: bytes) -> None:
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            return
        if status.st_nlink > 1:
            inode = status.st_dev, status.st_ino
            first = self._names.setdefault(inode, name)
            if first != name:
                self._writer.add(self._entry(handle, status, HARD_LINK, name, first), ())
                return
        if kind == REGULAR:
            # By way of the descriptor: it is this file, whatever has its name by now.
            content = os.open(f"/proc/self/fd/{handle}", _CONTENT)
            try:
                body = _body(content, status.st_size)
                self._writer.add(self._entry(handle, status, REGULAR, name), body)
            finally:
                os.close(content)
            return
        target = os.readlink(b"", dir_fd=handle) if kind == SYMLINK else b""
        self._writer.add(self._entry(handle, status, kind, name, target), ())

    def _entry(
        self, handle: int, status: os.stat_result, kind: bytes, name: bytes, link: bytes = b""
    ) -> TreeEntry:
        device = kind in (CHARACTER_DEVICE, BLOCK_DEVICE)
        attributes = {} if kind == HARD_LINK else get_xattrs(handle)
        return TreeEntry(
            path=name,
            kind=kind,
            mode=stat.S_IMODE(status.st_mode),
            uid=status.st_uid,
            gid=status.st_gid,
            mtime_ns=status.st_mtime_ns,
            size=status.st_size if kind == REGULAR else 0,
            link=link,
            xattrs={key: value for key, value in attributes.items() if self._rules.keeps(key)},
            major=os.major(status.st_rdev) if device else 0,
            minor=os.minor(status.st_rdev) if device else 0,
        )


class _Inside(msgspec.Struct):
    """A folder that is being read: its name in the archive, and what is left to read."""

    name: bytes
    left: list[bytes]


def _body(content: int, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes of a file that may be changing."""
    while size:
        piece = os.read(content, min(size, _PIECE)) or bytes(min(size, _PIECE))
        size -= len(piece)
        yield piece
