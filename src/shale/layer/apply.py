"""Writing a layer as files, while its tar streams by: as a lower directory of overlay, or over another tree.

What each entry means is said in docs/layers.md. Nothing outside the root is ever read, made, changed or
removed: every step is one name below the descriptor of a folder, and no name is followed but those of folders
on the way, inside the root (`layer/folders`). A file is only ever written by the descriptor that made it.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Final, NoReturn, Self

from shale.errors import Unsupported
from shale.layer.attributes import Attributes
from shale.layer.entries import Entries
from shale.layer.field import InvalidTar
from shale.layer.filebody import FileBody
from shale.layer.folders import Folders, NotAFolder
from shale.layer.header import DIRECTORY, Header
from shale.layer.openfolders import Folder
from shale.layer.path import MAX_COMPONENT, components
from shale.layer.rules import Applied, ApplyRules, Whiteouts
from shale.layer.scan import TarScan
from shale.layer.whiteout import PREFIX, Mark, read_mark
from shale.layer.whiteouts import LayerWhiteouts, MergedWhiteouts, OverlayWhiteouts
from shale.linux.durable import disk_errors

__all__ = ["CannotHold", "TreeWriter"]

_UNUSUAL: Final = (b"", b".", b"..")
_IMPOSSIBLE: Final = (
    errno.EINVAL,
    errno.EMLINK,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EOPNOTSUPP,
    errno.EOVERFLOW,
    errno.ERANGE,
    errno.E2BIG,
    errno.EILSEQ,
)
_NOWHERE: Final = b"\0"
"""No text of a name."""


class CannotHold(Unsupported):
    """The file system on which a layer is written cannot hold an entry of it."""


class TreeWriter:
    """Writes one layer. Not for use by two threads at once; use it as a context manager, or `close` it.

    Args:
        root: descriptor of the folder that becomes the root; it stays the caller's.
        rules: how.
    """

    def __init__(self, root: int, rules: ApplyRules) -> None:
        self._rules = rules
        merging = rules.whiteouts is Whiteouts.REMOVE
        self._attributes = Attributes(keep_owner=rules.keep_owner)
        self._folders = Folders(root, merging=merging, owned=rules.keep_owner, replaced=self._replaced)
        self._whiteouts: LayerWhiteouts = (
            MergedWhiteouts(self._folders)
            if merging
            else OverlayWhiteouts(self._folders, rules.whiteouts.value)
        )
        self._entries = Entries(self._folders, self._attributes, self._whiteouts, rules)
        self._scan = TarScan(self._entry, self._more)
        self._file: FileBody | None = None
        # The folder of the entry before, and the text before the last slash of its name: most entries share
        # it. It counts only as long as nothing is removed, a link on the way to it say.
        self._before, self._place, self._cleared = _NOWHERE, self._folders.root, 0
        self._name = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the uncompressed layer; they may be overwritten once this returns.

        Raises:
            InvalidTar: they are no archive, or an entry that no file system can hold, or that leads out.
            LayerTooLarge: a limit of the rules is passed.
            OwnerNotMapped: an owner does not exist in this user namespace.
            CannotHold: the file system that the root is on cannot hold an entry.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        try:
            self._scan.feed(piece)
        except OSError as problem:
            self._fail(problem)
        self._rules.limits.check(self._scan.entries, self._scan.position)

    def finish(self) -> Applied:
        """Say that all bytes have come: folders get their modes and times.

        Raises:
            TruncatedTar: the archive is not at its end.
            CannotHold, DiskFull, NoPermission, StorageFailure: the disk.
        """
        self._scan.close()
        try:
            self._folders.settle()
        except OSError as problem:
            self._fail(problem)
        return Applied(
            entries=self._scan.entries,
            content_size=self._scan.content_size,
            size=self._entries.size,
            loose=self._entries.loose or self._folders.implied or self._whiteouts.loose,
            notes=self._attributes.notes,
        )

    def close(self) -> None:
        """Let go of all descriptors. What was written stays: whoever does not want it removes it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folders.close()

    def _fail(self, problem: OSError) -> NoReturn:
        doing = f"writing {self._name[:200]!r} of a layer"
        if problem.errno in _IMPOSSIBLE:
            reason = os.strerror(problem.errno or 0).lower()
            raise CannotHold(f"{doing}: {reason}; the file system cannot hold it") from problem
        with disk_errors(doing):
            raise problem

    def _entry(self, header: Header) -> None:
        """Put one entry in its place; the bytes of a file come after."""
        self._name = name = header.name
        before, _, base = (name[:-1] if name.endswith(b"/") else name).rpartition(b"/")
        folder = self._place
        if (
            before != self._before
            or self._cleared != self._folders.cleared
            or folder.descriptor < 0
            or base in _UNUSUAL
            or base.startswith(PREFIX)
            or len(base) > MAX_COMPONENT
        ):
            parts = components(name, header.offset)
            if self._said_by_name(parts, header):
                return
            folder = self._folders.reach(parts[:-1], header.offset)
            self._place, self._cleared = folder, self._folders.cleared
            self._before = before if base == parts[-1] else _NOWHERE
            base = parts[-1]
        self._file = self._entries.make(folder, base, header)
        if self._file is not None and self._file.complete:
            self._complete(self._file)

    def _said_by_name(self, parts: tuple[bytes, ...], header: Header) -> bool:
        """Do what an entry says that is the root, or a mark; false for all others."""
        if not parts:
            if header.kind != DIRECTORY:
                raise InvalidTar(f"{header.name[:80]!r} would make the root something else", header.offset)
            self._entries.describe(self._folders.root, header, again=True)
            return True
        marks = [read_mark(part, header.offset) for part in parts if part.startswith(PREFIX)]
        if any(mark is Mark.MEANINGLESS for mark, _ in marks):
            return True
        mark, victim = read_mark(parts[-1], header.offset)
        if mark is Mark.NONE:
            return False
        # What is no folder, and in the way, hides by itself what the mark is about.
        with suppress(NotAFolder):
            folder = self._folders.find(parts[:-1], header.offset)
            if folder is None:
                folder = self._folders.reach(parts[:-1], header.offset)
            if mark is Mark.OPAQUE:
                self._whiteouts.hides(folder)
            else:
                self._whiteouts.removes(folder, victim)
        return True

    def _more(self, piece: memoryview) -> None:
        # Entries that are no files may have bodies too: a whiteout with content, say.
        if self._file is not None:
            self._file.write(piece)
            if self._file.complete:
                self._complete(self._file)

    def _complete(self, file: FileBody) -> None:
        file.end()
        self._attributes.of_file(file.descriptor, file.group, file.header)
        self._file = None
        file.close()

    def _replaced(self, folder: Folder) -> None:
        self._whiteouts.replaced(folder)
