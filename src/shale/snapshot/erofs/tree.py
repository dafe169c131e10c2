"""The model of one layer: what its entries, one after the other, make of it.

What a layer means is in docs/layers.md, "What one layer means"; this is that page as code. Nothing of a
file's bytes is kept, only where in the tar they are.
"""

from __future__ import annotations

from typing import Final

from shale.layer import header as tar
from shale.layer.field import InvalidTar
from shale.layer.header import Header
from shale.layer.path import MAX_COMPONENT, MAX_DEPTH, components
from shale.layer.whiteout import PREFIX, Mark, read_mark
from shale.snapshot.erofs.folders import Folders
from shale.snapshot.erofs.layout import FOLDER
from shale.snapshot.erofs.nodes import WHITEOUT, Folder, Leaf
from shale.snapshot.erofs.records import Records

__all__ = ["LayerTree"]

_MOST_MEMORY: Final = 1 << 30
"""Bytes that the model of one layer may take: some four million files."""
_ENTRY: Final = 200
"""Bytes of memory for an entry besides its name and its inode: of the dictionary, and what Python adds."""
_FOLDER: Final = 500
_MOST_HEADS: Final = 1024
_SPECIAL: Final = (b"", b".", b"..")


class LayerTree:
    """One layer, as far as its entries have come. Not for use by two threads at once.

    Args:
        memory: bytes that the model may take.

    Attributes:
        folders: the model, from the root.
        loose: whether the layer depends on those below it in a way that overlay does not know.
    """

    def __init__(self, memory: int = _MOST_MEMORY) -> None:
        self.folders = Folders()
        self._most_memory = memory
        self._records = Records()
        self._linked_outside = False
        self._memory = 0
        # Where names led that began with the same folders, by their text: until something is replaced.
        self._heads: dict[bytes, Folder] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be kept, for a person."""
        return self._records.notes

    @property
    def loose(self) -> bool:
        """See the class."""
        # Overlay does not look at marks of a layer's root: what an opaque one hides must be hidden by name.
        return self.folders.loose or self._linked_outside or self.folders.root.opaque

    def add(self, header: Header, begin: int) -> None:
        """Take the next entry.

        Args:
            header: the entry.
            begin: where its bytes begin in the tar.

        Raises:
            InvalidTar: a name, a target, a number or an attribute that no file system takes; an entry of a kind
                that layers do not have; more entries than fit in memory.
        """
        above, _, last = header.name.rpartition(b"/")
        folder = self._heads.get(above)
        if folder is None or last in _SPECIAL or len(last) > MAX_COMPONENT or last.startswith(PREFIX):
            self._add_slowly(header, begin)
        else:
            self._put(folder, last, header, begin)

    def _add_slowly(self, header: Header, begin: int) -> None:
        """Take an entry whose name has to be looked at component by component."""
        offset = header.offset
        path = components(header.name, offset)
        if any(read_mark(part, offset)[0] is Mark.MEANINGLESS for part in path if part.startswith(PREFIX)):
            return
        if not path:
            self._describe_root(header)
            return
        mark, name = read_mark(path[-1], offset)
        if mark is not Mark.NONE:
            self._hide(path[:-1], None if mark is Mark.OPAQUE else name, offset)
        else:
            folder = self._folder(path[:-1], offset)
            self._remember(header.name.rstrip(b"/").rpartition(b"/")[0], path[:-1], folder, offset)
            self._put(folder, name, header, begin)

    def _hide(self, path: tuple[bytes, ...], name: bytes | None, offset: int) -> None:
        """Hide a name, or all names, that layers below have in a folder."""
        before = self.folders.made
        folder = self.folders.make_to_hide(path, offset)
        self._made_since(before, offset)
        if folder is None:
            return
        if name is None:
            folder.opaque = True
        else:
            self._hide_name(folder, name, offset)

    def _hide_name(self, folder: Folder, name: bytes, offset: int) -> None:
        there = folder.children.get(name)
        if isinstance(there, Folder):
            there.opaque = True
        elif there is None:
            folder.hides = True
            self._replace(folder, name, WHITEOUT, offset)

    def _put(self, folder: Folder, name: bytes, header: Header, begin: int) -> None:
        if header.kind == tar.DIRECTORY:
            self._directory(folder, name, header)
        elif header.kind == tar.CHARACTER_DEVICE and header.major == header.minor == 0:
            self._hide_name(folder, name, header.offset)
        elif header.kind == tar.HARD_LINK:
            self._hard_link(folder, name, header)
        else:
            self._replace(folder, name, self._records.leaf(header, begin), header.offset)

    def _replace(self, folder: Folder, name: bytes, node: bytes | Leaf, offset: int) -> None:
        if name in folder.children:
            self._heads.clear()
        folder.children[name] = node
        self._charge(_ENTRY + len(name) + (len(node) if isinstance(node, bytes) else node.memory), offset)

    def _directory(self, folder: Folder, name: bytes, header: Header) -> None:
        there = folder.children.get(name)
        if not isinstance(there, Folder):
            if there is not None:
                self._heads.clear()
            there = self.folders.put(folder, name)
            self._charge(_FOLDER + len(name), header.offset)
        self._describe(there, header)

    def _describe_root(self, header: Header) -> None:
        if header.kind != tar.DIRECTORY:
            raise InvalidTar("the root of the layer is to be something else than a folder", header.offset)
        self._describe(self.folders.root, header)

    def _describe(self, folder: Folder, header: Header) -> None:
        folder.mode = header.mode & 0o7777
        folder.uid, folder.gid = self._records.owner(header)
        folder.mtime = header.mtime
        folder.attributes = self._records.attributes(header, FOLDER)
        self._charge(2 * sum(map(len, folder.attributes.values())), header.offset)

    def _hard_link(self, folder: Folder, name: bytes, header: Header) -> None:
        offset = header.offset
        path = components(header.link, offset)
        home = self.folders.find(path[:-1], offset)
        target = home.children.get(path[-1]) if home is not None and path else None
        if isinstance(target, Folder) or not path:
            raise InvalidTar(f"the hard link {header.name[:80]!r} leads to a folder", offset)
        if target is None or target is WHITEOUT:
            # The file is one of a layer below: the correction of the chain puts it here.
            self._linked_outside = True
            if folder.children.pop(name, None) is not None:
                self._heads.clear()
            return
        assert home is not None
        if not isinstance(target, Leaf):
            target = Leaf(target)
            home.children[path[-1]] = target
        if folder.children.get(name) is not target:
            self._replace(folder, name, target, offset)

    def _folder(self, path: tuple[bytes, ...], offset: int) -> Folder:
        before = self.folders.made
        folder = self.folders.make(path, offset)
        self._made_since(before, offset)
        return folder

    def _made_since(self, before: int, offset: int) -> None:
        if made := self.folders.made - before:
            self._charge(made * (_FOLDER + MAX_COMPONENT), offset)
            self._heads.clear()

    def _remember(self, above: bytes, path: tuple[bytes, ...], folder: Folder, offset: int) -> None:
        """Let the next names that begin like this one go the quick way."""
        if len(path) < MAX_DEPTH and components(above, offset) == path:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            self._heads[above] = folder

    def _charge(self, memory: int, offset: int) -> None:
        self._memory += memory
        if self._memory > self._most_memory:
            raise InvalidTar(
                f"the layer has more entries than fit in {self._most_memory >> 20} MiB of memory", offset
            )
