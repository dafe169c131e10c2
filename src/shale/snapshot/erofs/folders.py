"""Finding folders in the model of one layer, and making those that no entry describes.

Paths are walked below the layer's own root: a symbolic link that the layer has is followed there, and can
lead nowhere else. Nothing here is a path of the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shale.layer.field import InvalidTar
from shale.layer.path import MAX_COMPONENT
from shale.snapshot.erofs.nodes import Folder, Leaf, link_target

__all__ = ["Folders"]

_MOST_LINKS: Final = 255
"""Symbolic links in one path: as containerd and umoci."""


class Folders:
    """The folders of a layer, from the root down. Not for use by two threads at once.

    Attributes:
        root: the layer's root, which there always is.
        loose: whether a folder had to be made that layers below may have: its mode, owner and times, or even
            where its entries belong to, are theirs to say.
        made: how many folders had to be made.
    """

    def __init__(self) -> None:
        self.root = Folder(alone=False)
        self.loose = False
        self.made = 0

    def make(self, path: Sequence[bytes], offset: int) -> Folder:
        """The folder at a path; what is missing of it, or something else than a folder, is made a folder.

        Args:
            path: components, from the root.
            offset: of the header that wants it, for errors.

        Raises:
            InvalidTar: symbolic links lead in circles, or name what no file system could have.
        """
        walk = _Walk(self.root, path, offset)
        while (part := walk.part()) is not None:
            child = walk.here.children.get(part)
            if isinstance(child, Folder):
                walk.enter(child)
            elif not walk.follow(child):
                walk.enter(self._made(walk.here, part, offset))
        return walk.here

    def make_to_hide(self, path: Sequence[bytes], offset: int) -> Folder | None:
        """The folder of a whiteout: as `make`, but None where something else is in the way, which hides it all.

        Args:
            path: components, from the root.
            offset: of the header of the whiteout, for errors.

        Raises:
            InvalidTar: as `make`.
        """
        walk = _Walk(self.root, path, offset)
        while (part := walk.part()) is not None:
            child = walk.here.children.get(part)
            if isinstance(child, Folder):
                walk.enter(child)
            elif child is None:
                return self.make(path, offset)
            elif not walk.follow(child):
                return None
        return walk.here

    def find(self, path: Sequence[bytes], offset: int) -> Folder | None:
        """The folder at a path, or None where the layer has none there; nothing is made.

        Raises:
            InvalidTar: symbolic links lead in circles.
        """
        walk = _Walk(self.root, path, offset)
        while (part := walk.part()) is not None:
            child = walk.here.children.get(part)
            if isinstance(child, Folder):
                walk.enter(child)
            elif not walk.follow(child):
                return None
        return walk.here

    def put(self, folder: Folder, name: bytes) -> Folder:
        """Put a new folder under a name, in the place of what is there.

        Where that was something of this layer, it had hidden what layers below have under the name.
        """
        replaces = name in folder.children
        new = Folder(alone=folder.alone or replaces, opaque=replaces)
        folder.children[name] = new
        return new

    def _made(self, folder: Folder, name: bytes, offset: int) -> Folder:
        if len(name) > MAX_COMPONENT:
            raise InvalidTar("a symbolic link leads to a name of more than 255 bytes", offset)
        new = self.put(folder, name)
        self.made += 1
        if not new.alone:
            self.loose = True
        return new


class _Walk:
    """One walk down a path.

    Attributes:
        here: the folder that it has come to.
    """

    def __init__(self, root: Folder, path: Sequence[bytes], offset: int) -> None:
        self.here = root
        self._above: list[Folder] = []
        self._root = root
        self._rest = list(reversed(path))
        self._links = 0
        self._offset = offset

    def part(self) -> bytes | None:
        """The next component, None at the end."""
        while self._rest:
            part = self._rest.pop()
            if part == b"..":  # of a symbolic link: names of entries have none
                self.here = self._above.pop() if self._above else self._root
            elif part not in (b"", b"."):
                return part
        return None

    def enter(self, folder: Folder) -> None:
        """Go down one folder."""
        self._above.append(self.here)
        self.here = folder

    def follow(self, node: bytes | Leaf | None) -> bool:
        """Go on where a symbolic link leads; false where it is none."""
        target = None if node is None else link_target(node)
        if target is None:
            return False
        self._links += 1
        if self._links > _MOST_LINKS:
            raise InvalidTar(f"a name goes through more than {_MOST_LINKS} symbolic links", self._offset)
        if target.startswith(b"/"):
            self.here = self._root
            self._above.clear()
        self._rest.extend(reversed(target.split(b"/")))
        return True
