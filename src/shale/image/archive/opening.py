"""From what a person has - a folder, a file, a pipe, compressed or not - to members by name.

What cannot be read at any offset is first written to a file without a name in the store's own folder: it
takes the room of the archive while it is loaded, and is gone when the process is, however that ends.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from shale.errors import Exhausted, NotFound
from shale.image.archive.expand import MAGIC, Expander, is_compressed
from shale.image.archive.folder import FolderMembers
from shale.image.archive.members import InvalidArchive, Members
from shale.image.archive.tartable import TarMembers
from shale.linux.durable import disk_errors

__all__ = ["ArchiveTooLarge", "open_archive"]

_READ: Final = 1 << 20
_RESERVE: Final = 20
"""One part in so many of a file system's free space is left free, whatever an archive expands to."""


class ArchiveTooLarge(Exhausted):
    """An archive, decompressed, would fill the disk."""


@contextmanager
def open_archive(
    source: Path | BinaryIO, spool: Path, check: Callable[[], None] = lambda: None
) -> Iterator[Members]:
    """Open an archive.

    Args:
        source: a folder, a file, or a stream of bytes such as standard input.
        spool: a folder for what has to be written down first.
        check: called often; it may raise to stop.

    Raises:
        NotFound: there is no such file.
        InvalidTar, TruncatedTar, CorruptStream: it is no archive, or damaged.
        ArchiveTooLarge, DiskFull: it does not fit.
    """
    with ExitStack() as stack:
        if isinstance(source, Path):
            handle = _open_path(source)
            stack.callback(os.close, handle)
            if stat.S_ISDIR(os.fstat(handle).st_mode):
                yield FolderMembers(handle)
                return
            source = stack.enter_context(os.fdopen(os.dup(handle), "rb"))
        begin = _seekable(source)
        begun = _peek(source, begin)
        if not begun:
            raise InvalidArchive("the archive is empty: it has no bytes at all")
        if begin is not None and not is_compressed(begun):
            yield TarMembers(source.fileno(), begin)
            return
        import tempfile  # noqa: PLC0415 - only for an archive that cannot be read twice

        with disk_errors(f"writing the archive to {spool}"):
            file = stack.enter_context(tempfile.TemporaryFile(dir=spool, buffering=0))
        _expand(source, begun if begin is None else b"", begun, file.fileno(), check)
        yield TarMembers(file.fileno())


def _open_path(path: Path) -> int:
    try:
        with disk_errors(f"opening {path}"):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        raise InvalidArchive(f"cannot open {path}: {(error.strerror or str(error)).lower()}") from error


def _seekable(stream: BinaryIO) -> int | None:
    """Where in a regular file a stream stands; None where it is no regular file."""
    try:
        regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
        return stream.tell() if regular else None
    except OSError:  # io.UnsupportedOperation is one
        return None


def _peek(stream: BinaryIO, begin: int | None) -> bytes:
    """The first bytes; of a stream that cannot seek they are taken away."""
    begun = b""
    with disk_errors("reading the archive"):
        while len(begun) < MAGIC and (more := stream.read(MAGIC - len(begun))):
            begun += more
        if begin is not None:
            stream.seek(begin)
    return begun


def _expand(source: BinaryIO, taken: bytes, begun: bytes, target: int, check: Callable[[], None]) -> None:
    """Write the whole archive, decompressed, to a file."""
    expander = Expander(begun)
    room = _room(target)
    chunk = taken or source.read(_READ)
    while chunk:
        check()
        for piece in expander.feed(chunk):
            room -= len(piece)
            if room < 0:
                raise ArchiveTooLarge("the archive, decompressed, does not fit on the disk; free some space")
            view = memoryview(piece)
            with disk_errors("writing the archive down"):
                while view:
                    view = view[os.write(target, view) :]
        with disk_errors("reading the archive"):
            chunk = source.read(_READ)
    expander.close()


def _room(target: int) -> int:
    free = os.fstatvfs(target)
    available = free.f_bavail * free.f_frsize
    return available - available // _RESERVE
