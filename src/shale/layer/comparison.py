"""What has changed between two trees, or in the upper directory of an overlay.

An upper directory holds what was changed, whiteouts for what was removed, and folders on the way to both; a
folder of it that is opaque hides what the lower one has. Overlay also copies a file up that is only opened for
writing, and all its links with it: so what is in the upper directory is compared with what was there before.

Specification: Linux Documentation/filesystems/overlayfs.rst; what counts as a change is as docker's `diff`
has it, and besides extended attributes, and bytes where size and time say nothing.
"""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from shale.layer.reader import TreeReader
from shale.layer.whiteouts import is_whiteout

__all__ = ["Change", "ChangeKind", "Comparison"]

_PIECE: Final = 1 << 20
_OPAQUE: Final = (b"trusted.overlay.opaque", b"user.overlay.opaque")


class ChangeKind(Enum):
    """What happened to a path; the value is the letter of `docker diff`."""

    ADDED = "A"
    CHANGED = "C"
    DELETED = "D"


@dataclass(frozen=True, slots=True)
class Change:
    """One path that is different.

    Attributes:
        path: from the root, without a slash at either end; empty for the root itself.
        kind: how.
    """

    path: bytes
    kind: ChangeKind


class Comparison:
    """Compares a tree with what was there before.

    Args:
        old: what was there; None for nothing.
        new: what is there: a tree, or the upper directory of an overlay of which `old` is the lower one.
        upper: whether it is such an upper directory.
        folder_times: whether a folder with another time has changed. Its entries count in any case.
        trust_times: whether files of the same size and time are taken to have the same bytes.

    Attributes:
        opaque: folders that hide what was there, where `old` is not known.
    """

    def __init__(
        self,
        old: TreeReader | None,
        new: TreeReader,
        *,
        upper: bool,
        folder_times: bool,
        trust_times: bool = False,
    ) -> None:
        self._old = old
        self._new = new
        self._upper = upper
        self._folder_times = folder_times
        self._trust_times = trust_times
        self.opaque: set[bytes] = set()
        self._found: dict[bytes, ChangeKind] = {}
        # Names of files that have several, by what they are names of.
        self._new_links: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        self._old_links: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        # Folders to look into: their path, whether there was such a folder, and whether it shows through.
        self._todo: list[tuple[bytes, bool, bool]] = []

    def run(self) -> list[Change]:
        """All changes, sorted by path, each folder before what is in it; with those, the folders on the way."""
        old = self._old
        if old is not None and self._differ(b"", old.status(b""), self._new.status(b""), times=False):
            self._found[b""] = ChangeKind.CHANGED
        self._todo = [(b"", old is not None, self._upper and not self._is_opaque(b""))]
        while self._todo:
            self._folder(*self._todo.pop())
        self._compare_links()
        self._add_folders()
        return [Change(path, self._found[path]) for path in sorted(self._found, key=_order)]

    def _folder(self, path: bytes, was: bool, merged: bool) -> None:  # noqa: FBT001 - entries of _todo
        try:
            names = self._new.names(path)
        except (FileNotFoundError, NotADirectoryError):
            return  # it went away meanwhile
        for name in names:
            self._entry(path + b"/" + name if path else name, was=was, merged=merged)
        if was and not merged:
            assert self._old is not None
            gone = set(self._old.names(path)).difference(names)
            for name in gone:
                self._found[path + b"/" + name if path else name] = ChangeKind.DELETED

    def _entry(self, path: bytes, *, was: bool, merged: bool) -> None:
        try:
            new = self._new.status(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        old = self._before(path) if was else None
        if self._upper and is_whiteout(new):
            if old is not None or self._old is None:
                self._found[path] = ChangeKind.DELETED
            return
        folder, was_folder = stat.S_ISDIR(new.st_mode), old is not None and stat.S_ISDIR(old.st_mode)
        if folder:
            opaque = self._upper and self._is_opaque(path)
            if opaque and self._old is None:
                self.opaque.add(path)
            self._todo.append((path, was_folder, merged and not opaque))
        else:
            self._note_links(path, old, new, merged=merged)
        if old is None:
            self._found[path] = ChangeKind.ADDED
        elif self._differ(path, old, new, times=not folder or self._folder_times):
            self._found[path] = ChangeKind.CHANGED

    def _before(self, path: bytes) -> os.stat_result | None:
        assert self._old is not None
        try:
            return self._old.status(path)
        except FileNotFoundError:
            return None

    def _is_opaque(self, path: bytes) -> bool:
        return any(self._new.attribute(path, name) == b"y" for name in _OPAQUE)

    def _differ(self, path: bytes, old: os.stat_result, new: os.stat_result, *, times: bool) -> bool:
        same = (
            old.st_mode == new.st_mode
            and old.st_uid == new.st_uid
            and old.st_gid == new.st_gid
            and (not times or old.st_mtime_ns == new.st_mtime_ns)
        )
        if not same:
            return True
        assert self._old is not None
        kind = stat.S_IFMT(new.st_mode)
        if kind in (stat.S_IFCHR, stat.S_IFBLK) and old.st_rdev != new.st_rdev:
            return True
        if kind == stat.S_IFLNK and self._old.target(path) != self._new.target(path):
            return True
        if kind == stat.S_IFREG and old.st_size != new.st_size:
            return True
        if self._old.xattrs(path) != self._new.xattrs(path):
            return True
        return kind == stat.S_IFREG and not self._trust_times and not self._same_bytes(path)

    def _same_bytes(self, path: bytes) -> bool:
        assert self._old is not None
        first, _ = self._old.open(path)
        try:
            second, _ = self._new.open(path)
            try:
                while True:
                    piece = os.read(first, _PIECE)
                    if piece != os.read(second, _PIECE):
                        return False
                    if not piece:
                        return True
            finally:
                os.close(second)
        finally:
            os.close(first)

    def _note_links(
        self, path: bytes, old: os.stat_result | None, new: os.stat_result, *, merged: bool
    ) -> None:
        if new.st_nlink > 1:
            self._new_links[new.st_dev, new.st_ino].append(path)
        # In a folder that shows through only some names of an old file are met: those that were copied up.
        if (
            old is not None
            and not stat.S_ISDIR(old.st_mode)
            and (new.st_nlink > 1 if merged else old.st_nlink > 1)
        ):
            self._old_links[old.st_dev, old.st_ino].append(path)

    def _compare_links(self) -> None:
        """Count files as changed whose names are not names of one file, or of one any more."""
        before, after = _groups(self._old_links.values()), _groups(self._new_links.values())
        for path in {*before, *after}:
            if self._found.get(path) is ChangeKind.DELETED:
                continue
            now = after.get(path, (path,))
            if before.get(path, (path,)) != now or any(one in self._found for one in now):
                for one in now:
                    self._found.setdefault(one, ChangeKind.CHANGED)

    def _add_folders(self) -> None:
        for path in list(self._found):
            above = path.rpartition(b"/")[0]
            while above and above not in self._found:
                self._found[above] = ChangeKind.CHANGED
                above = above.rpartition(b"/")[0]


def _groups(links: Iterable[list[bytes]]) -> dict[bytes, tuple[bytes, ...]]:
    """All names of the same file, by each of them."""
    return {path: names for one in links for names in [tuple(sorted(one, key=_order))] for path in names}


def _order(path: bytes) -> list[bytes]:
    return path.split(b"/")
