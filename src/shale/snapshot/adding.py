"""One layer's entries as they are added to trees: the merged one, and the layer's own."""

from __future__ import annotations

from typing import Final

from shale.errors import Invalid
from shale.layer.header import (
    BLOCK_DEVICE,
    CHARACTER_DEVICE,
    CONTIGUOUS,
    DIRECTORY,
    FIFO,
    GNU_SPARSE,
    HARD_LINK,
    REGULAR,
    SYMLINK,
    Header,
)
from shale.layer.path import components
from shale.layer.whiteout import AUFS, Mark, read_mark
from shale.snapshot.facts import read_facts
from shale.snapshot.interest import Interest
from shale.snapshot.model import Spot, Tree
from shale.snapshot.walk import Node, Path, TooManyLinks

__all__ = ["Adding", "DanglingLink", "LinkedFolder"]

_KINDS: Final = frozenset(
    (REGULAR, CONTIGUOUS, GNU_SPARSE, HARD_LINK, SYMLINK, CHARACTER_DEVICE, BLOCK_DEVICE, DIRECTORY, FIFO)
)


class DanglingLink(Invalid):
    """A layer has a hard link to what neither it nor a layer below it has."""

    def __init__(self, name: bytes, target: bytes) -> None:
        super().__init__(
            f"the layers do not fit together: {name[:80]!r} is a hard link to {target[:80]!r},"
            " which is not there"
        )


class LinkedFolder(Invalid):
    """A layer has a hard link to a folder."""

    def __init__(self, name: bytes, target: bytes) -> None:
        super().__init__(f"{name[:80]!r} is a hard link to {target[:80]!r}, which is a folder")


class Adding:
    """Adds a layer's entries as far as they are of interest, and finds what else is.

    Args:
        layer: which one, counted from the bottom.
        interest: what matters. It grows by what symbolic and hard links lead to: then the trees may be wrong,
            and all layers have to be read once more.
        trees: what they are added to.

    Attributes:
        problem: what is wrong with the layer, or seems so as long as the interest grows.
    """

    def __init__(self, layer: int, interest: Interest, *trees: Tree) -> None:
        self.problem: Invalid | None = None
        self._layer = layer
        self._interest = interest
        self._trees = trees
        self._passed: tuple[Path, Mark] | None = None

    def take(self, header: Header, at: int) -> None:
        """Add an entry whose bytes begin at `at`.

        Raises:
            InvalidTar: its name or its attributes are malformed.
        """
        path = components(header.name, header.offset)
        if header.kind not in _KINDS:
            return
        try:
            if path:
                self._add(path, header, at)
            elif header.kind == DIRECTORY:
                facts = read_facts(header)
                for tree in self._trees:
                    tree.root.facts = facts
        except TooManyLinks as problem:
            self.problem = self.problem or problem

    def _add(self, path: Path, header: Header, at: int) -> None:
        mark, name = read_mark(path[-1], header.offset)
        if mark is Mark.MEANINGLESS or (AUFS in header.name and any(one.startswith(AUFS) for one in path[:-1])):
            return
        path = path[:-1] if mark is Mark.OPAQUE else (*path[:-1], name)
        if self._interest.depth(path) < len(path):
            self._pass_by(path, header, mark)
            return
        self._passed = None
        if mark is not Mark.NONE:
            self._hide(path, mark)
        elif header.kind == HARD_LINK:
            self._link(path, header)
        else:
            facts = read_facts(header, self._layer, at)
            for tree in self._trees:
                folder = self._enter(tree, path[:-1], path)
                if facts.kind == CHARACTER_DEVICE and facts.major == facts.minor == 0:
                    tree.remove(folder, name)
                else:
                    tree.describe(folder, name, facts)

    def _hide(self, path: Path, mark: Mark) -> None:
        for tree in self._trees:
            spot = tree.enter_to_hide(path if mark is Mark.OPAQUE else path[:-1])
            self._follow(spot, path, () if mark is Mark.OPAQUE else path[-1:])
            if spot.node is not None and mark is Mark.OPAQUE:
                tree.clear(tree.enter(path)[0])
            elif spot.node is not None:
                tree.remove(spot.node, path[-1])

    def _pass_by(self, path: Path, header: Header, mark: Mark) -> None:
        """Add nothing but the folders that an entry implies, as far as those matter."""
        if header.kind == HARD_LINK and mark is Mark.NONE:
            target = components(header.link, header.offset)
            if self._interest.depth(target) == len(target):
                self._interest.add(path)
        folder = path[: min(self._interest.depth(path), len(path) - 1)]
        if (folder, mark) == self._passed:
            return
        known = self._interest.size
        for tree in self._trees:
            if mark is Mark.NONE:
                self._enter(tree, folder, path)
            else:
                self._follow(tree.enter_to_hide(folder), path, path[len(folder) :])
        # What a link leads elsewhere matters, each entry of it.
        self._passed = (folder, mark) if self._interest.size == known else None

    def _enter(self, tree: Tree, folder: Path, path: Path) -> Node:
        """The folder on the way to an entry's path."""
        found, spot = tree.enter(folder)
        self._follow(spot, path, path[len(folder) :])
        return found

    def _follow(self, spot: Spot, path: Path, rest: Path) -> None:
        """Where links lead an entry elsewhere that is of interest, and all that is there now and later."""
        if spot.passed:
            self._interest.add(path)
            for passed in spot.passed:
                self._interest.add(passed)
            if spot.node is not None:
                self._interest.add(spot.path + rest, whole=True)

    def _link(self, path: Path, header: Header) -> None:
        target = components(header.link, header.offset)
        self._interest.add(target)
        for tree in self._trees:
            folder, place = tree.enter(path[:-1])
            self._follow(place, path, path[-1:])
            spot = tree.find(target)
            for passed in spot.passed:
                self._interest.add(passed)
            found = spot.node
            here = (*place.path, path[-1])
            if found is not None and not found.is_folder and spot.path[: len(here)] == here:
                found = None  # the link takes its place
            if found is None or found.is_folder:
                self._missing(path, header, tree, found)
                found = None
            tree.link(folder, path[-1], found)

    def _missing(self, path: Path, header: Header, tree: Tree, found: Node | None) -> None:
        """Say that a hard link has no target: to the layers together that is an error."""
        if tree.own:
            self._interest.add(path, whole=True)
        elif self.problem is None:
            kind = DanglingLink if found is None else LinkedFolder
            self.problem = kind(header.name, header.link)
