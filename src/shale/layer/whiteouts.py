"""What whiteouts do to a tree that is being written: in overlay's own form, or at once.

They hide what layers below have, and never what their own layer has, before or after them (image-spec
layer.md "Whiteouts": they apply to parent layers only).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from shale.layer.folders import Folder, Folders, NotAFolder, join
from shale.linux.xattr import get_xattr, set_xattr

__all__ = ["LayerWhiteouts", "MergedWhiteouts", "OverlayWhiteouts", "is_whiteout"]

_NO_DEVICE: Final = os.makedev(0, 0)


def is_whiteout(found: os.stat_result) -> bool:
    """Whether a file is what overlay takes for a whiteout: a character device 0:0."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == _NO_DEVICE


class LayerWhiteouts(Protocol):
    """What a writer of a layer asks for."""

    loose: bool
    """Whether something was asked for that overlay cannot show."""

    def removes(self, parts: Sequence[bytes], name: bytes, offset: int) -> None:
        """Hide one name in a folder."""

    def removes_in(self, folder: Folder, name: bytes) -> None:
        """Hide one name in a folder that is open."""

    def hides(self, parts: Sequence[bytes], offset: int) -> None:
        """Hide all that layers below have in a folder."""

    def replaced(self, folder: Folder) -> None:
        """Hide it where a folder came in the place of something that was none."""

    def settle(self) -> None:
        """Do what can be done only when all entries have come."""


class OverlayWhiteouts:
    """Devices 0:0 and opaque folders, as overlay wants them in a lower directory.

    A whiteout below an opaque folder would hide nothing, and be seen: overlay hands out the names in a
    folder that is not merged as they are. So they are taken away in the end.

    Args:
        folders: those of the tree.
        prefix: of the attributes, `trusted.overlay.` or `user.overlay.`.
    """

    def __init__(self, folders: Folders, prefix: bytes) -> None:
        self.loose = False
        self._folders = folders
        self._prefix = prefix
        self._attribute = prefix + b"opaque"
        self._any = False
        self._opaque: set[bytes] = set()

    def removes(self, parts: Sequence[bytes], name: bytes, offset: int) -> None:
        """See `LayerWhiteouts`."""
        folder = self._folder(parts, offset)
        if folder is not None:
            self.removes_in(folder, name)

    def removes_in(self, folder: Folder, name: bytes) -> None:
        """See `LayerWhiteouts`."""
        try:
            os.mknod(name, stat.S_IFCHR, _NO_DEVICE, dir_fd=folder.descriptor)
            # Overlay looks through a folder with this attribute, even where no other layer has it.
            set_xattr(folder.descriptor, self._prefix + b"origin", b"")
            self._any = True
        except FileExistsError:
            # What is no folder hides what is below by itself, or is a whiteout already.
            with suppress(NotAFolder):
                self.replaced(self._folders.below(folder, name))

    def hides(self, parts: Sequence[bytes], offset: int) -> None:
        """See `LayerWhiteouts`."""
        folder = self._folder(parts, offset)
        if folder is not None:
            self.replaced(folder)
            # Overlay merges the roots of all layers, whatever they say.
            self.loose |= not folder.path

    def replaced(self, folder: Folder) -> None:
        """See `LayerWhiteouts`."""
        set_xattr(folder.descriptor, self._attribute, b"y")
        self._opaque.add(folder.path)

    def settle(self) -> None:
        """See `LayerWhiteouts`."""
        if not self._any:
            return
        swept: set[bytes] = set()
        for path in sorted(self._opaque):
            if not _within(path, swept) and self._sweep(path):
                swept.add(path)

    def _folder(self, parts: Sequence[bytes], offset: int) -> Folder | None:
        try:
            return self._folders.find(parts, offset) or self._folders.reach(parts, offset)
        except NotAFolder:
            return None  # what this layer has in its place hides all of it

    def _sweep(self, path: bytes) -> bool:
        """Take the whiteouts below a folder away; false where there is no such opaque folder any more."""
        try:
            top = self._folders.at(path)
        except (FileNotFoundError, NotAFolder):
            return False
        if get_xattr(top.descriptor, self._attribute) is None:
            return False
        todo = [path]
        while todo:
            folder = self._folders.at(todo.pop())
            for name in map(os.fsencode, os.listdir(folder.descriptor)):
                found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    todo.append(join(folder.path, name))
                elif is_whiteout(found):
                    os.unlink(name, dir_fd=folder.descriptor)
        return True


class MergedWhiteouts:
    """Removes what earlier layers have put in a tree, and leaves what this one has put there."""

    def __init__(self, folders: Folders) -> None:
        self.loose = False
        self._folders = folders

    def removes(self, parts: Sequence[bytes], name: bytes, offset: int) -> None:
        """See `LayerWhiteouts`."""
        folder = self._folder(parts, offset)
        if folder is not None:
            self.removes_in(folder, name)

    def removes_in(self, folder: Folder, name: bytes) -> None:
        """See `LayerWhiteouts`."""
        if folder.new:
            return
        try:
            if join(folder.path, name) in self._folders.put:
                self._purge(self._folders.below(folder, name).path)
            else:
                self._folders.clear(folder, name)
        except (FileNotFoundError, NotAFolder):
            pass

    def hides(self, parts: Sequence[bytes], offset: int) -> None:
        """See `LayerWhiteouts`."""
        folder = self._folder(parts, offset)
        if folder is not None:
            self._purge(folder.path)

    def replaced(self, folder: Folder) -> None:
        """See `LayerWhiteouts`; what was there is gone already."""

    def settle(self) -> None:
        """See `LayerWhiteouts`; nothing was put off."""

    def _folder(self, parts: Sequence[bytes], offset: int) -> Folder | None:
        try:
            return self._folders.find(parts, offset) or self._folders.reach(parts, offset)
        except NotAFolder:
            return None

    def _purge(self, path: bytes) -> None:
        """Remove what earlier layers have in a folder; each folder is looked through once at most."""
        todo = [path]
        while todo:
            folder = self._folders.at(todo.pop())
            if folder.new:
                continue
            for name in map(os.fsencode, os.listdir(folder.descriptor)):
                child = join(folder.path, name)
                if child not in self._folders.put:
                    self._folders.clear(folder, name)
                elif stat.S_ISDIR(os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False).st_mode):
                    todo.append(child)
            folder.new = True
            self._folders.new.add(folder.path)


def _within(path: bytes, folders: set[bytes]) -> bool:
    """Whether a path is one of these folders, or below one."""
    while path:
        if path in folders:
            return True
        path = path.rpartition(b"/")[0]
    return b"" in folders
