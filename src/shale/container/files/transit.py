"""What copies have in common: what is kept of attributes, how much went by, what errors mean."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from shale.container.files.reading import EntryWriter
from shale.errors import Conflict
from shale.layer.entry import TreeEntry
from shale.layer.field import BLOCK, padding
from shale.linux.durable import disk_errors

__all__ = ["Counted", "Interfered", "copy_errors", "emitter", "keeps_capabilities", "keeps_plain"]

_USER: Final = b"user."
_CAPABILITY: Final = b"security.capability"
_INTERFERED: Final = (
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ESTALE,
    errno.EXDEV,
)


class Interfered(Conflict):
    """Somebody changed the destination while it was written to, or it takes no such name."""


def keeps_plain(attribute: bytes) -> bool:
    """Whether an attribute means the same to whoever owns the file."""
    return attribute.startswith(_USER)


def keeps_capabilities(attribute: bytes) -> bool:
    """The same, and the capabilities of programs: where owners are kept too."""
    return attribute == _CAPABILITY or attribute.startswith(_USER)


class Counted:
    """Passes entries on, and counts the bytes that an archive of them has.

    Attributes:
        size: bytes so far, the end of the archive included.
    """

    def __init__(self, writer: EntryWriter, check: Callable[[], None]) -> None:
        """Prepare.

        Args:
            writer: gets the entries.
            check: called with each; it may raise to stop.
        """
        self._writer = writer
        self._check = check
        self.size = 2 * BLOCK

    def add(self, entry: TreeEntry, body: Iterable[bytes]) -> None:
        """Pass one entry on."""
        self._check()
        self.size += BLOCK + entry.size + padding(entry.size)
        self._writer.add(entry, body)


def emitter(stream: BinaryIO) -> Callable[[bytes], None]:
    """What writes pieces to a stream."""

    def write(piece: bytes) -> None:
        stream.write(piece)

    return write


@contextmanager
def copy_errors(doing: str) -> Iterator[None]:
    """Turn errors of the file system into kinds.

    Args:
        doing: for the message: `copying to web:/etc`.

    Raises:
        Interfered: names appeared or went while they were used.
        DiskFull, NoPermission, StorageFailure: the disk.
    """
    try:
        with disk_errors(doing):
            yield
    except OSError as failure:
        if failure.errno in _INTERFERED:
            raise Interfered(f"{doing}: {os.strerror(failure.errno).lower()}") from failure
        raise
