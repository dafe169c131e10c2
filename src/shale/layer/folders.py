"""The folders of a tree that is being written: the way to each, and what it shall look like in the end.

Entries are removed here and nowhere else, so that no open descriptor stands for a name that has become
something else. Modes and times of folders are set when everything is in them: what comes into a folder changes
its time, and an ordinary user cannot write into a folder of mode 0555.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from shale.layer.field import InvalidTar
from shale.layer.openfolders import Folder, OpenFolders, enter
from shale.layer.path import MAX_LINKS
from shale.linux.removal import remove_tree
from shale.linux.xattr import set_xattr

__all__ = ["DEFAULT_ACL", "Folders", "NotAFolder", "join"]

DEFAULT_ACL: Final = b"system.posix_acl_default"
_MOST_STEPS: Final = 8192
"""Components on the way of one name, those of links on it included."""
_IMPLIED: Final = 0o755
_NOT_A_FOLDER: Final = (errno.ENOTDIR, errno.ELOOP)


class NotAFolder(Exception):
    """Something that is no folder is in the way."""


class _Look(NamedTuple):
    """What a folder shall look like; None leaves it as it is."""

    mode: int | None
    mtime: int
    acl: bytes | None = None


class Folders:
    """Opens and makes folders below a root.

    Args:
        root: descriptor of the root; it stays the caller's.
        merging: whether earlier layers are in the tree. Else layers below are elsewhere, and overlay shows
            what they have in a folder unless it is opaque.
        owned: whether a folder that is made unasked belongs to 0:0, not to whoever runs this.
        replaced: called with each folder that was made in the place of something else.

    Attributes:
        root: the root.
        implied: whether a folder was made only because something is in it, and layers below may have it too.
        put: when merging, the paths that this layer has put in folders that are not `new`, and those above.
        cleared: how many entries were removed: a path that led somewhere before may now lead elsewhere.
    """

    def __init__(self, root: int, *, merging: bool, owned: bool, replaced: Callable[[Folder], None]) -> None:
        found = os.fstat(root)
        self.implied = False
        self.cleared = 0
        self.put: set[bytes] = set()
        # Folders in which layers below have nothing. They stay so: what is removed there can only come back
        # from this layer.
        self._new: set[bytes] = set()
        self._merging = merging
        self._owned = owned
        self._replaced = replaced
        self._uid, self._gid = os.geteuid(), os.getegid()
        self._open = OpenFolders()
        self._kept: Folder | None = None
        opened = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
        self.root = Folder(opened, b"", self._group(found), merging and not os.listdir(opened))
        self._looks: dict[bytes, _Look] = {b"": _Look(None, found.st_mtime_ns)}

    def close(self) -> None:
        """Close all descriptors."""
        self._open.close_from(b"")
        self.root.close()

    def clear(self, folder: Folder, name: bytes) -> None:
        """Remove an entry of a folder, and all that is in it; nothing of that name is fine."""
        self.cleared += 1
        self._open.close_from(join(folder.path, name))
        remove_tree(folder.descriptor, os.fsdecode(name))

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
            target = None
            try:
                folder = self.above(folder) if name == b".." else self.below(folder, name)
                continue
            except FileNotFoundError:
                in_the_way = False
            except NotAFolder:
                in_the_way = True
                target = _target(folder, name)
            if target is not None:
                links += 1
                if links > MAX_LINKS or steps > _MOST_STEPS:
                    raise InvalidTar(f"too many symbolic links on the way to {b'/'.join(parts)[:80]!r}", offset)
                if target.startswith(b"/"):
                    folder = self.root
                todo += [part for part in reversed(target.split(b"/")) if part not in (b"", b".")]
            elif make:
                folder = self._imply(folder, name, in_the_way=in_the_way)
            elif in_the_way:
                raise NotAFolder
            else:
                return None
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
            return known
        try:
            opened, found = enter(folder.descriptor, name)
        except OSError as problem:
            if problem.errno in _NOT_A_FOLDER:
                raise NotAFolder from problem
            raise
        mode = stat.S_IMODE(found.st_mode)
        if path not in self._looks:
            self._looks[path] = _Look(mode if mode & 0o700 != 0o700 else None, found.st_mtime_ns)
        made = Folder(opened, path, self._group(found), folder.new or path in self._new)
        self._open.add(made, self._kept)
        return made

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
        """The deepest open folder on a path, and the components from there on, the first one last."""
        todo: list[bytes] = []
        while path:
            known = self._open.get(path)
            if known is not None:
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
        self._looks[path] = _Look(_IMPLIED, 0)
        if self._merging and not folder.new:
            self._new.add(path)
        self.touch(folder, name)
        return self.below(folder, name)

    def put_in_place(self, folder: Folder, name: bytes) -> Folder:
        """Make a folder in the place of something that is none."""
        self.clear(folder, name)
        self._new.add(join(folder.path, name))
        made = self.make(folder, name)
        self._replaced(made)
        return made

    def renew(self, folder: Folder) -> None:
        """Note that what layers below had in a folder is gone."""
        folder.new = True
        self._new.add(folder.path)

    def touch(self, folder: Folder, name: bytes) -> None:
        """Note that an entry is of this layer, and with it those above."""
        if self._merging and not folder.new:
            self.claim(join(folder.path, name))

    def claim(self, path: bytes) -> None:
        """Note that a path without links in it is of this layer, and those above."""
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

    def _imply(self, folder: Folder, name: bytes, *, in_the_way: bool) -> Folder:
        self.implied |= not folder.new and not in_the_way
        made = self.put_in_place(folder, name) if in_the_way else self.make(folder, name)
        if self._owned and (self._uid, made.group) != (0, 0):
            os.fchown(made.descriptor, 0, 0)
        return made

    def _group(self, found: os.stat_result) -> int:
        return found.st_gid if found.st_mode & stat.S_ISGID else self._gid


def join(path: bytes, name: bytes) -> bytes:
    """The path of an entry of a folder."""
    return path + b"/" + name if path else name


def _target(folder: Folder, name: bytes) -> bytes | None:
    """Where a symbolic link points; None for anything else."""
    try:
        return os.readlink(name, dir_fd=folder.descriptor)
    except OSError as problem:
        if problem.errno == errno.EINVAL:
            return None
        raise
