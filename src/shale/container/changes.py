"""What a container changed: its upper directory, without what had to be there for mounts.

A runtime needs something to mount on. Where an image has no /proc or /etc/hosts, it makes an empty folder or
file for it, which overlay keeps in the upper directory. Docker has these in a layer of its own below, which no
diff and no commit shows; so they are left out here. Targets of mounts that the caller asked for are shown, as
docker shows them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from shale.container.view import Changed
from shale.layer.diff import Change, changes, write_difference, write_upper
from shale.layer.entry import TreeEntry
from shale.layer.header import SYMLINK
from shale.layer.writer import TarWriter
from shale.linux.beneath import open_beneath

__all__ = ["WrittenChanges", "changes_of", "shown", "write_changes"]

_BUILT_IN: Final = (b"/dev", b"/proc", b"/sys")
"""Where every runtime mounts something, whoever made the folder."""


def changes_of(changed: Changed) -> Iterator[Change]:
    """What a container changed, in the order of the paths, a folder before what is in it."""
    hidden = _hidden(changed)
    return (one for one in changes(changed.upper, changed.lower, whole=changed.whole) if one.path not in hidden)


def shown(change: Change) -> str:
    """A change as docker shows it: `A /path`; bytes that are no UTF-8 as surrogates."""
    return f"{change.kind.value} /{os.fsdecode(change.path)}"


@dataclass(frozen=True, slots=True)
class WrittenChanges:
    """A layer that was written.

    Attributes:
        entries: how many it has; none where nothing was changed.
        content_size: bytes of its files, as docker counts the size of a layer.
    """

    entries: int
    content_size: int


def write_changes(changed: Changed, emit: Callable[[bytes], None], check: Callable[[], None]) -> WrittenChanges:
    """Write what a container changed as a layer: the whole tar, the same one for the same changes.

    Args:
        changed: what it changed.
        emit: takes the bytes of the tar.
        check: called with each entry; it may raise to stop.

    Raises:
        NoPermission, StorageFailure: something cannot be read.
    """
    writer = _ShownWriter(emit, _hidden(changed), check)
    if changed.whole:
        write_difference(changed.lower, changed.upper, writer)
    else:
        write_upper(changed.upper, changed.lower, writer)
    writer.finish()
    return WrittenChanges(writer.entries, writer.content_size)


class _ShownWriter(TarWriter):
    """Writes the entries that are not hidden."""

    def __init__(
        self, emit: Callable[[bytes], None], hidden: frozenset[bytes], check: Callable[[], None]
    ) -> None:
        super().__init__(emit)
        self.content_size = 0
        self._hidden = hidden
        self._check = check

    def add(self, entry: TreeEntry, body: Iterable[bytes] = ()) -> None:
        """Write one entry, or pass it over."""
        self._check()
        if entry.path not in self._hidden:
            super().add(entry, body)
            self.content_size += len(entry.link) if entry.kind == SYMLINK else entry.size


def _hidden(changed: Changed) -> frozenset[bytes]:
    """The paths, without a slash at their beginning, of what is there for the sake of mounts alone."""
    upper, lower = changed.upper, changed.lower
    made = {path.strip(b"/") for path in (*changed.made, *_BUILT_IN)}
    above = {path[:end] for path in made for end in range(len(path)) if path[end : end + 1] == b"/"}
    # In a whole tree there is more than what was changed, which is all that counts.
    listed = {one.path for one in changes(upper, lower, whole=True)} if changed.whole else None
    hidden: set[bytes] = set()
    for path in sorted(made | above, key=lambda path: path.count(b"/"), reverse=True):
        found, before = _status(upper, path), _status(lower, path)
        if found is None:
            continue
        if stat.S_ISDIR(found.st_mode):
            same = path in made if before is None else _same_folder(found, before)
            if same and _has_only(upper, path, hidden, listed):
                hidden.add(path)
        elif path in made and before is None and stat.S_ISREG(found.st_mode) and not found.st_size:
            hidden.add(path)
    return frozenset(hidden)


def _status(root: int, path: bytes) -> os.stat_result | None:
    try:
        handle = open_beneath(root, path, os.O_PATH | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return os.fstat(handle)
    finally:
        os.close(handle)


def _has_only(root: int, folder: bytes, hidden: set[bytes], listed: set[bytes] | None) -> bool:
    if listed is not None:
        return hidden.issuperset(one for one in listed if one.rpartition(b"/")[0] == folder)
    handle = open_beneath(root, folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return all(folder + b"/" + os.fsencode(name) in hidden for name in os.listdir(handle))
    finally:
        os.close(handle)


def _same_folder(made: os.stat_result, before: os.stat_result) -> bool:
    """Whether a folder that was copied up is as it was, but for its time: something was made in it."""
    same = (made.st_mode, made.st_uid, made.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    return same and stat.S_ISDIR(before.st_mode)
