"""The folders of a tree that is being written: the way to each, and what it shall look like in the end.

Every folder is opened below the descriptor of the one above it and never through a link; a few stay open,
because entries of one folder stand together. Entries are removed here and nowhere else, so that no open
descriptor stands for a name that has become something else.

Modes and times of folders are set when everything is in them: what comes into a folder changes its time, and
an ordinary user cannot write into a folder of mode 0555.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shale.layer.field import InvalidTar
from shale.layer.removal import enter, remove
from shale.linux.xattr import set_xattr

__all__ = ["Folder", "Folders", "NotAFolder", "join"]

MOST_OPEN: Final = 64
"""Folders that stay open: several layers are written at once, and 1024 descriptors are a usual limit."""
MOST_STEPS: Final = 8192
"""Components on the way of one name, those of links on it included."""
MOST_LINKS: Final = 255
"""Symbolic links on the way of one name: as containerd and umoci."""
DEFAULT_ACL: Final = b"system.posix_acl_default"
_IMPLIED: Final = 0o755


_NOT_A_FOLDER: Final = (errno.ENOTDIR, errno.ELOOP)


class NotAFolder(Exception):
    """Something that is no folder is in the way."""


@dataclass(slots=True)
class Folder:
    """A folder that is open.

    Attributes:
        descriptor: to work below; -1 once it was closed, which asking for other folders may do.
        path: from the root, without links.
        group: which new entries in it get.
        new: whether all that is in it was put there by this layer.
    """

    descriptor: int
    path: bytes
    group: int
    new: bool


class _Look(NamedTuple):
    """What a folder shall look like; None leaves it as it is."""

    mode: int | None
    mtime: int
    acl: bytes | None = None


class Folders:
    """Opens and makes folders below a root.

    Args:
        root: descriptor of the root; it stays the caller's.
        fresh: whether nothing is in it that this layer did not put there.
        replaced: called with each folder that was made in the place of something else.
        owned: whether a folder that is made unasked belongs to 0:0, not to whoever runs this.

    Attributes:
        root: the root.
        implied: whether any folder was made only because something is in it.
        put: the paths that this layer has put in folders that are not `new`, and those above them.
        new: the paths of folders in which everything is of this layer. A path that is once in it stays: what
            is removed there can come back only from this layer.
        cleared: how many entries were removed: a path that led somewhere before may now lead elsewhere.
    """

    def __init__(self, root: int, *, fresh: bool, owned: bool, replaced: Callable[[Folder], None]) -> None:
        found = os.fstat(root)
        self._replaced = replaced
        self.implied = False
        self.cleared = 0
        self.put: set[bytes] = set()
        self.new: set[bytes] = {b""} if fresh else set()
        self._owned = owned
        self._kept: Folder | None = None
        self._uid, self._gid = os.geteuid(), os.getegid()
        self._open: OrderedDict[bytes, Folder] = OrderedDict()
        self._looks: dict[bytes, _Look] = {}
        opened = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
        self.root = Folder(opened, b"", self._group(found), fresh)
        self._looks[b""] = _Look(None, found.st_mtime_ns)

    def close(self) -> None:
        """Close all descriptors."""
        for folder in (*self._open.values(), self.root):
            _close(folder)
        self._open.clear()

    def clear(self, folder: Folder, name: bytes) -> None:
        """Remove an entry of a folder, and all that is in it.

        Raises:
            FileNotFoundError: there is none.
        """
        path = join(folder.path, name)
        self.cleared += 1
        for other in [one for one in self._open if one == path or one.startswith(path + b"/")]:
            _close(self._open.pop(other))
        remove(folder.descriptor, name)

    def reach(self, parts: Sequence[bytes], offset: int) -> Folder:
        """The folder of a path, made where it is missing, links followed as if the root were `/`.

        What is no folder and no link gives way to one.

        Raises:
            InvalidTar: the links on the way go on for too long.
        """
        found = self._walk(parts, offset, make=True)
        assert found is not None
        return found

    def find(self, parts: Sequence[bytes], offset: int, keep: Folder | None = None) -> Folder | None:
        """The folder of a path as `reach` finds it, if it is there.

        Args:
            parts: the path.
            offset: of the header, for errors.
            keep: a folder that is to stay open meanwhile.

        Raises:
            InvalidTar: as `reach`.
            NotAFolder: something else is on the way.
        """
        self._kept = keep
        return self._walk(parts, offset, make=False)

    def _walk(self, parts: Sequence[bytes], offset: int, *, make: bool) -> Folder | None:
        folder, todo = self._nearest(b"/".join(parts))
        links = steps = 0
        while todo:
            name = todo.pop()
            steps += 1
            try:
                folder = self.above(folder) if name == b".." else self.below(folder, name)
                continue
            except FileNotFoundError:
                if not make:
                    return None
                folder = self._imply(folder, name)
                continue
            except NotAFolder:
                target = _target(folder, name)
                if target is None and not make:
                    raise
            if target is None:
                folder = self._imply(folder, name, instead=True)
                continue
            links += 1
            if links > MOST_LINKS or steps > MOST_STEPS:
                raise InvalidTar(f"too many symbolic links on the way to {b'/'.join(parts)[:80]!r}", offset)
            if target.startswith(b"/"):
                folder = self.root
            todo += [part for part in reversed(target.split(b"/")) if part not in (b"", b".")]
        return folder

    def below(self, folder: Folder, name: bytes) -> Folder:
        """A folder in a folder.

        Raises:
            FileNotFoundError: there is nothing.
            NotAFolder: there is something else, a link say.
        """
        path = join(folder.path, name)
        known = self._open.get(path)
        if known is not None:
            self._open.move_to_end(path)
            return known
        try:
            opened, found = enter(folder.descriptor, name)
        except OSError as problem:
            if problem.errno in _NOT_A_FOLDER:
                raise NotAFolder from problem
            raise
        new = folder.new or path in self.new
        mode = stat.S_IMODE(found.st_mode)
        if path not in self._looks:
            self._looks[path] = _Look(mode if mode & 0o700 != 0o700 else None, found.st_mtime_ns)
        known = self._open[path] = Folder(opened, path, self._group(found), new)
        if len(self._open) > MOST_OPEN:
            oldest = next(one for one in self._open.values() if one is not self._kept)
            _close(self._open.pop(oldest.path))
        return known

    def above(self, folder: Folder) -> Folder:
        """The folder that a folder is in; of the root itself."""
        return self.at(folder.path.rpartition(b"/")[0])

    def at(self, path: bytes) -> Folder:
        """The folder of a path that has no links in it.

        Raises:
            FileNotFoundError, NotAFolder: as `below`.
        """
        folder, todo = self._nearest(path)
        while todo:
            folder = self.below(folder, todo.pop())
        return folder

    def _nearest(self, path: bytes) -> tuple[Folder, list[bytes]]:
        """The deepest open folder on a path, and the components from there on, the first one last.

        A path by which a folder is open has no links in it: it was opened component by component.
        """
        todo: list[bytes] = []
        while path:
            known = self._open.get(path)
            if known is not None:
                self._open.move_to_end(path)
                return known, todo
            path, _, name = path.rpartition(b"/")
            todo.append(name)
        return self.root, todo

    def make(self, folder: Folder, name: bytes) -> Folder:
        """Make a folder, for now so that we alone may use it.

        Raises:
            FileExistsError: there is something.
        """
        os.mkdir(name, 0o700, dir_fd=folder.descriptor)
        path = join(folder.path, name)
        if not folder.new:
            self.new.add(path)
            self.touch(path)
        self._looks[path] = _Look(_IMPLIED, 0)
        return self.below(folder, name)

    def put_in_place(self, folder: Folder, name: bytes) -> Folder:
        """Make a folder in the place of something that is none."""
        self.clear(folder, name)
        made = self.make(folder, name)
        self._replaced(made)
        return made

    def touch(self, path: bytes) -> None:
        """Note that a path is of this layer, and with it those above."""
        while path and path not in self.put:
            self.put.add(path)
            path = path.rpartition(b"/")[0]

    def look(self, folder: Folder, mode: int, mtime: int, acl: bytes | None) -> None:
        """Say what a folder shall look like in the end.

        Args:
            folder: the folder.
            mode: permissions.
            mtime: nanoseconds.
            acl: the value of `system.posix_acl_default`, which would change what is made in the folder.
        """
        self._looks[folder.path] = _Look(mode, mtime, acl)

    def settle(self) -> None:
        """Make all folders look as they shall, the deepest first."""
        for path in sorted(self._looks, reverse=True):
            mode, mtime, acl = self._looks[path]
            try:
                folder = self.at(path)
            except (FileNotFoundError, NotAFolder):
                continue  # removed since
            if acl is not None:
                set_xattr(folder.descriptor, DEFAULT_ACL, acl)
            if mode is not None:
                os.fchmod(folder.descriptor, mode)
            os.utime(folder.descriptor, ns=(mtime, mtime))

    def _imply(self, folder: Folder, name: bytes, *, instead: bool = False) -> Folder:
        self.implied = True
        made = self.put_in_place(folder, name) if instead else self.make(folder, name)
        if self._owned and (self._uid, made.group) != (0, 0):
            os.fchown(made.descriptor, 0, 0)
        return made

    def _group(self, found: os.stat_result) -> int:
        return found.st_gid if found.st_mode & stat.S_ISGID else self._gid


def join(path: bytes, name: bytes) -> bytes:
    """The path of an entry of a folder."""
    return path + b"/" + name if path else name


def _close(folder: Folder) -> None:
    if folder.descriptor >= 0:
        os.close(folder.descriptor)
        folder.descriptor = -1


def _target(folder: Folder, name: bytes) -> bytes | None:
    """Where a symbolic link points; None for anything else."""
    try:
        return os.readlink(name, dir_fd=folder.descriptor)
    except OSError as problem:
        if problem.errno == errno.EINVAL:
            return None
        raise
