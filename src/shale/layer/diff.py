"""Trees to layers: what changed in an overlay's upper directory, what differs between two trees, a whole tree.

The same trees give the same bytes on every machine: entries are sorted, whiteouts are all alike, and nothing
of the machine is in them. What a tar cannot hold (sockets) or a layer cannot (names that are marks) is left
out and noted.

Specification: image-spec layer.md "Creating", "Whiteouts": explicit whiteouts, and an opaque one only where it
is not known what it hides.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from shale.layer.comparison import Change, ChangeKind, Comparison
from shale.layer.entry import TreeEntry
from shale.layer.header import BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, HARD_LINK, REGULAR, SYMLINK
from shale.layer.reader import TreeReader, read_file, split
from shale.layer.whiteout import OPAQUE, PREFIX
from shale.layer.writer import TarWriter
from shale.linux.durable import disk_errors

__all__ = ["Change", "ChangeKind", "Written", "changes", "write_difference", "write_tree", "write_upper"]

_KINDS: Final = {
    stat.S_IFREG: REGULAR,
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFCHR: CHARACTER_DEVICE,
    stat.S_IFBLK: BLOCK_DEVICE,
    stat.S_IFIFO: FIFO,
}
_MOST_NOTES: Final = 100
_PLAIN_ROOT: Final = (stat.S_IFDIR | 0o755, 0, 0)


@dataclass(frozen=True, slots=True)
class Written:
    """A layer that was written.

    Attributes:
        entries: how many it has; none where nothing was changed.
        notes: what was left out, for a person.
    """

    entries: int
    notes: tuple[str, ...]


def changes(upper: int, lower: int | None, *, whole: bool = False) -> Iterator[Change]:
    """What was changed in an overlay, as `docker diff` shows it: sorted, with the folders on the way.

    Args:
        upper: descriptor of the upper directory.
        lower: descriptor of the merged tree that is below it; None where there is nothing below.
        whole: whether `upper` is a whole tree instead.

    Raises:
        NoPermission, StorageFailure: something cannot be read.
    """
    with ExitStack() as held, disk_errors("comparing the files of a container"):
        old = None if lower is None else held.enter_context(TreeReader(lower))
        new = held.enter_context(TreeReader(upper))
        found = Comparison(old, new, upper=not whole, folder_times=False).run()
    return (change for change in found if change.path)


def write_upper(upper: int, lower: int | None, writer: TarWriter) -> Written:
    """Write what was changed in an overlay as a layer; `writer` is not finished.

    Args:
        upper: descriptor of the upper directory.
        lower: descriptor of the merged tree that is below it; None where that is not known: then all that is
            in the upper directory counts as changed.
        writer: takes the entries.

    Raises:
        NoPermission, StorageFailure: something cannot be read.
    """
    with ExitStack() as held, disk_errors("reading the files of a container"):
        old = None if lower is None else held.enter_context(TreeReader(lower))
        new = held.enter_context(TreeReader(upper))
        comparison = Comparison(old, new, upper=True, folder_times=True)
        return _Layer(new, writer, comparison.opaque).write(comparison.run())


def write_difference(old: int, new: int, writer: TarWriter, *, trust_times: bool = False) -> Written:
    """Write as a layer what makes one tree of another; `writer` is not finished.

    Args:
        old: descriptor of the tree that there is.
        new: descriptor of the tree that there shall be.
        writer: takes the entries.
        trust_times: whether files of the same size and time are taken to have the same bytes; else they are
            compared.

    Raises:
        NoPermission, StorageFailure: something cannot be read.
    """
    with TreeReader(old) as before, TreeReader(new) as after, disk_errors("comparing two trees"):
        found = Comparison(before, after, upper=False, folder_times=True, trust_times=trust_times).run()
        return _Layer(after, writer, set()).write(found)


def write_tree(root: int, writer: TarWriter) -> Written:
    """Write a whole tree; `writer` is not finished.

    The root has an entry of its own only where it is not what it would be without: mode 0755, owner 0:0.

    Args:
        root: descriptor of its root.
        writer: takes the entries.

    Raises:
        NoPermission, StorageFailure: something cannot be read.
    """
    with TreeReader(root) as tree, disk_errors("reading a tree"):
        found = Comparison(None, tree, upper=False, folder_times=True).run()
        status = tree.status(b"")
        if (status.st_mode, status.st_uid, status.st_gid) != _PLAIN_ROOT or tree.xattrs(b""):
            found.insert(0, Change(b"", ChangeKind.CHANGED))
        return _Layer(tree, writer, set()).write(found)


class _Layer:
    """Writes entries of a tree."""

    def __init__(self, tree: TreeReader, writer: TarWriter, opaque: set[bytes]) -> None:
        self._tree = tree
        self._writer = writer
        self._opaque = opaque
        self._notes: list[str] = []
        self._unsaid = 0
        # The first name of each file that has several.
        self._names: dict[tuple[int, int], bytes] = {}

    def write(self, changed: list[Change]) -> Written:
        before = self._writer.entries
        for change in changed:
            if split(change.path)[1].startswith(PREFIX):
                if change.kind is not ChangeKind.DELETED:
                    self._note(change.path, "its name is a mark of layers")
            elif change.kind is ChangeKind.DELETED:
                above, name = split(change.path)
                self._writer.add(TreeEntry((above + b"/" if above else b"") + PREFIX + name))
            else:
                try:
                    self._entry(change.path)
                except (FileNotFoundError, NotADirectoryError):
                    self._note(change.path, "it went away while it was read")
        notes = [*self._notes, f"and {self._unsaid} more like these"] if self._unsaid else self._notes
        return Written(self._writer.entries - before, tuple(notes))

    def _note(self, path: bytes, why: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes.append(f"{path[:200].decode('utf-8', 'backslashreplace')!r} skipped: {why}")
        else:
            self._unsaid += 1

    def _entry(self, path: bytes) -> None:
        found = self._tree.status(path)
        kind = _KINDS.get(stat.S_IFMT(found.st_mode))
        if kind is None:
            self._note(path, "a tar cannot hold a socket")
            return
        if found.st_nlink > 1 and kind != DIRECTORY:
            first = self._names.setdefault((found.st_dev, found.st_ino), path)
            if first != path:
                self._writer.add(self._described(path, HARD_LINK, found, link=first))
                return
        if kind == REGULAR:
            self._file(path)
            return
        self._writer.add(
            self._described(path, kind, found, link=self._tree.target(path) if kind == SYMLINK else b"")
        )
        if path in self._opaque:
            self._writer.add(TreeEntry(path + b"/" + OPAQUE))

    def _file(self, path: bytes) -> None:
        # What is open is what is written, whatever the name means by now.
        opened, found = self._tree.open(path)
        try:
            entry = self._described(path, REGULAR, found, size=found.st_size)
            self._writer.add(entry, read_file(opened, found.st_size))
        finally:
            os.close(opened)

    def _described(
        self, path: bytes, kind: bytes, found: os.stat_result, *, link: bytes = b"", size: int = 0
    ) -> TreeEntry:
        device = kind in (CHARACTER_DEVICE, BLOCK_DEVICE)
        return TreeEntry(
            path,
            kind,
            stat.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            found.st_mtime_ns,
            size,
            link,
            {} if kind == HARD_LINK else self._tree.xattrs(path),
            os.major(found.st_rdev) if device else 0,
            os.minor(found.st_rdev) if device else 0,
        )
