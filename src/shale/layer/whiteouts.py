"""What whiteouts do to a tree that is being written: in overlay's own form, or at once.

They hide what layers below have, and never what their own layer has, before or after them.

Specification: image-spec layer.md "Whiteouts"; Linux Documentation/filesystems/overlayfs.rst "whiteouts and
opaque directories".
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final, Protocol

from shale.layer.folders import Folders, NotAFolder, join
from shale.layer.openfolders import Folder
from shale.linux.xattr import set_xattr

__all__ = ["LayerWhiteouts", "MergedWhiteouts", "OverlayWhiteouts", "is_whiteout"]

_NO_DEVICE: Final = os.makedev(0, 0)


def is_whiteout(found: os.stat_result) -> bool:
    """Whether a file is what overlay takes for a whiteout: a character device 0:0."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == _NO_DEVICE


class LayerWhiteouts(Protocol):
    """What a writer of a layer asks for."""

    @property
    def loose(self) -> bool:
        """Whether something was asked for that overlay does not show."""

    def removes(self, folder: Folder, name: bytes) -> None:
        """Remove what layers below have under a name in a folder, but nothing that this layer put there."""

    def hides(self, folder: Folder) -> None:
        """Remove what layers below have in a folder, but nothing that this layer put there."""

    def replaced(self, folder: Folder) -> None:
        """Do so where a folder came in the place of something else."""


class OverlayWhiteouts:
    """Devices 0:0 and opaque folders, as overlay wants them in a lower directory.

    Args:
        folders: those of the tree.
        prefix: of the attributes, `trusted.overlay.` or `user.overlay.`.

    Attributes:
        loose: whether the root was to be opaque; overlay merges the roots of all layers, whatever they say.
    """

    def __init__(self, folders: Folders, prefix: bytes) -> None:
        self.loose = False
        self._folders = folders
        self._opaque = prefix + b"opaque"
        self._origin = prefix + b"origin"

    def removes(self, folder: Folder, name: bytes) -> None:
        """See `LayerWhiteouts`."""
        try:
            os.mknod(name, stat.S_IFCHR, _NO_DEVICE, dir_fd=folder.descriptor)
        except FileExistsError:
            # What is no folder hides what is below by itself, or is a whiteout already.
            with suppress(NotAFolder):
                self.replaced(self._folders.below(folder, name))
            return
        # Overlay hands out the names in a folder that only one layer has as they are, but for folders with
        # this attribute: it looks through these, and passes over whiteouts.
        set_xattr(folder.descriptor, self._origin, b"")

    def hides(self, folder: Folder) -> None:
        """See `LayerWhiteouts`."""
        self.replaced(folder)
        self.loose |= not folder.path

    def replaced(self, folder: Folder) -> None:
        """See `LayerWhiteouts`."""
        set_xattr(folder.descriptor, self._opaque, b"y")


class MergedWhiteouts:
    """Removes what earlier layers have put in a tree, and leaves what this one has put there."""

    loose = False

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def removes(self, folder: Folder, name: bytes) -> None:
        """See `LayerWhiteouts`."""
        if folder.new:
            return
        if join(folder.path, name) not in self._folders.put:
            self._folders.clear(folder, name)
            return
        with suppress(FileNotFoundError, NotAFolder):
            self.hides(self._folders.below(folder, name))

    def hides(self, folder: Folder) -> None:
        """See `LayerWhiteouts`. Each folder is looked through once, however often this is asked for."""
        # What comes into it from now on is not noted one by one.
        self._folders.claim(folder.path)
        todo = [folder.path]
        while todo:
            here = self._folders.at(todo.pop())
            if here.new:
                continue
            for name in map(os.fsencode, os.listdir(here.descriptor)):
                path = join(here.path, name)
                if path not in self._folders.put:
                    self._folders.clear(here, name)
                elif stat.S_ISDIR(os.stat(name, dir_fd=here.descriptor, follow_symlinks=False).st_mode):
                    todo.append(path)
            self._folders.renew(here)

    def replaced(self, folder: Folder) -> None:
        """See `LayerWhiteouts`; what was there is gone already."""
