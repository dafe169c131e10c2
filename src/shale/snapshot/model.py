"""A tree of files without the files: what the entries of layers add up to.

It is used in two ways. The *merged* tree takes the entries of one layer after the other, as if they were
unpacked into one folder. A layer's *own* tree takes those of that layer alone, and keeps what it removes as
whiteouts and opaque folders; `lay` puts it on top of others as overlay does. docs/layers.md has the rules.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from shale.errors import Exhausted
from shale.layer.header import DIRECTORY
from shale.snapshot.facts import IMPLIED, Facts
from shale.snapshot.walk import WHITEOUT, Node, Path, Walk

__all__ = ["ChainTooLarge", "Spot", "Tree", "lay"]

_MOST_NODES: Final = 2_000_000
"""Names in one tree: some 500 MB of memory. Only what matters is in it, which is far less in any real chain."""


class ChainTooLarge(Exhausted):
    """Too much of a chain depends on what its layers mean together."""

    def __init__(self) -> None:
        super().__init__(
            f"the layers of an image depend on each other in more than {_MOST_NODES} names,"
            " which is more than is kept in memory"
        )


class Spot(NamedTuple):
    """Where a path led.

    Attributes:
        node: what is there; None for nothing.
        path: where that really is, as far as the path could be followed.
        passed: what was come by since the first symbolic link that was followed; nothing where none was.
    """

    node: Node | None
    path: Path
    passed: tuple[Path, ...]


class Tree:
    """Takes entries in the order of their archives.

    Args:
        own: whether it is one layer's own tree.

    Attributes:
        root: the root; its facts may be set.
        layer: whose entries come now, counted from the bottom.
    """

    def __init__(self, *, own: bool) -> None:
        self.root = Node(IMPLIED)
        self.own = own
        self.layer = 0
        self._made = 0

    def enter(self, path: Path) -> tuple[Node, Spot]:
        """The folder at a path; what is missing on the way is made, what is in the way replaced.

        Raises:
            TooManyLinks: it leads through too many symbolic links.
        """
        walk = Walk(self.root, path)
        for name in walk:
            found = walk.folder.children.get(name)
            if found is None or not found.is_folder:
                found = self._place(walk.folder, name, IMPLIED)
            found.layer = self.layer
            walk.into(name, found)
        return walk.folder, Spot(walk.folder, walk.path, tuple(walk.passed))

    def look(self, path: Path) -> Spot:
        """The folder at a path, if there is one.

        Raises:
            TooManyLinks: as `enter`.
        """
        spot = self._look(path)
        return spot if spot.node is None or spot.node.is_folder else spot._replace(node=None)

    def _look(self, path: Path) -> Spot:
        """As `look`; where something else is in the way, that is what is found."""
        walk = Walk(self.root, path)
        for name in walk:
            found = walk.folder.children.get(name)
            if found is None or not found.is_folder:
                return Spot(found, walk.path, tuple(walk.passed))
            walk.into(name, found)
        return Spot(walk.folder, walk.path, tuple(walk.passed))

    def enter_to_hide(self, path: Path) -> Spot:
        """The folder of a whiteout, made where it is missing; none where something else is in the way.

        Raises:
            TooManyLinks: as `enter`.
        """
        spot = self._look(path)
        if spot.node is None:
            return self.enter(path)[1]
        return spot if spot.node.is_folder else spot._replace(node=None)

    def find(self, path: Path) -> Spot:
        """The file at a path; a symbolic link at its end is not followed.

        Raises:
            TooManyLinks: as `enter`.
        """
        above = self.look(path[:-1])
        if above.node is None or not path:
            return above
        found = above.node.children.get(path[-1])
        there = (*above.path, path[-1])
        passed = (*above.passed, there) if above.passed else ()
        return Spot(None if found is None or found.is_whiteout else found, there, passed)

    def describe(self, folder: Node, name: bytes, facts: Facts) -> None:
        """Take an entry that is no hard link."""
        old = folder.children.get(name)
        if old is not None and old.is_folder and facts.kind == DIRECTORY:
            old.facts, old.layer = facts, self.layer
            return
        self._place(folder, name, facts)

    def link(self, folder: Node, name: bytes, target: Node | None) -> None:
        """Give a file one more name; where it is not in this tree, the name is removed without a trace."""
        if target is None:
            folder.children.pop(name, None)
        else:
            self._put(folder, name, Node(target.facts, self.layer))

    def remove(self, folder: Node, name: bytes) -> None:
        """Take a whiteout of a name: of what layers below have there, not of what this one has."""
        found = folder.children.get(name)
        if found is None or (not self.own and found.layer != self.layer):
            if self.own:
                self._put(folder, name, Node(WHITEOUT))
            else:
                folder.children.pop(name, None)
        elif found.is_folder:
            self.clear(found)

    def clear(self, folder: Node) -> None:
        """Take an opaque whiteout of a folder: what this layer put there stays."""
        if self.own:
            folder.opaque = True
            return
        todo = [folder]
        while todo:
            here = todo.pop()
            for name, child in list(here.children.items()):
                if child.layer != self.layer:
                    del here.children[name]
                elif child.is_folder:
                    todo.append(child)

    def _place(self, folder: Node, name: bytes, facts: Facts) -> Node:
        # A folder in the place of something else hides all that was there.
        opaque = self.own and facts.kind == DIRECTORY and name in folder.children
        return self._put(folder, name, Node(facts, self.layer, opaque=opaque))

    def _put(self, folder: Node, name: bytes, node: Node) -> Node:
        self._made += 1
        if self._made > _MOST_NODES:
            raise ChainTooLarge
        folder.children[name] = node
        return node


def lay(shown: Tree, own: Tree) -> None:
    """Put a layer's own tree on top of what overlay shows; `shown` becomes what it shows then."""
    # The root is not merged as folders are: see docs/layers.md.
    root = own.root.facts if own.root.facts is not IMPLIED else shown.root.facts
    todo = [(shown.root, own.root)]
    while todo:
        below, above = todo.pop()
        below.facts = above.facts
        if above.opaque:
            below.children.clear()
        for name, upper in above.children.items():
            if upper.is_whiteout:
                below.children.pop(name, None)
            elif upper.is_folder:
                lower = below.children.get(name)
                if lower is None or not lower.is_folder:
                    lower = below.children[name] = Node(IMPLIED)
                todo.append((lower, upper))
            else:
                below.children[name] = upper
    shown.root.facts = root
