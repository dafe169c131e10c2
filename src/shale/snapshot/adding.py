"""One layer's entries as they are added to two trees: the merged one, and the layer's own."""

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
from shale.layer.whiteout import Mark, read_mark
from shale.snapshot.facts import read_facts
from shale.snapshot.interest import Interest
from shale.snapshot.model import Node, Path, TooManyLinks, Tree

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
        merged: what the layers below add up to.

    Attributes:
        own: the layer's own tree.
        problem: what is wrong with the layer, or seems so as long as the interest grows.
    """

    def __init__(self, layer: int, interest: Interest, merged: Tree) -> None:
        self.own = Tree(own=True)
        self.problem: Invalid | None = None
        self._layer = layer
        self._interest = interest
        self._merged = merged
        self._trees = (merged, self.own)
        self._passed: Path | None = None

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
                self._merged.root.facts = self.own.root.facts = read_facts(header)
        except TooManyLinks as problem:
            self.problem = self.problem or problem

    def _add(self, path: Path, header: Header, at: int) -> None:
        mark, name = read_mark(path[-1], header.offset)
        if mark is Mark.MEANINGLESS:
            return
        path = path[:-1] if mark is Mark.OPAQUE else (*path[:-1], name)
        if self._interest.depth(path) < len(path):
            self._pass_by(path, header if mark is Mark.NONE else None)
            return
        self._passed = None
        if mark is Mark.NONE and header.kind == HARD_LINK:
            self._link(path, header)
            return
        facts = read_facts(header, self._layer, at)
        for tree in self._trees:
            if mark is Mark.OPAQUE:
                tree.clear(self._enter(tree, path, path))
                continue
            folder = self._enter(tree, path[:-1], path)
            if mark is Mark.REMOVES:
                tree.remove(folder, name)
            else:
                tree.describe(folder, name, facts)

    def _pass_by(self, path: Path, header: Header | None) -> None:
        """Add nothing but the folders that an entry implies, as far as those matter."""
        if header is not None and header.kind == HARD_LINK:
            target = components(header.link, header.offset)
            if self._interest.depth(target) == len(target):
                self._interest.add(path)
        folder = path[: min(self._interest.depth(path), len(path) - 1)]
        if folder == self._passed:
            return
        known = self._interest.size
        for tree in self._trees:
            self._enter(tree, folder, path)
        # What a link leads elsewhere matters, each entry of it.
        self._passed = folder if self._interest.size == known else None

    def _enter(self, tree: Tree, folder: Path, path: Path) -> Node:
        """The folder on the way to an entry's path; where links lead elsewhere, that is of interest."""
        spot = tree.enter(folder)
        if spot.passed:
            self._interest.add(path)
            for passed in spot.passed:
                self._interest.add(passed)
            self._interest.add(spot.path + path[len(folder) :], whole=True)
        return spot.folder

    def _link(self, path: Path, header: Header) -> None:
        target = components(header.link, header.offset)
        self._interest.add(target)
        found = {}
        for tree in self._trees:
            found[tree], passed = tree.find(target)
            for one in passed:
                self._interest.add(one)
        there, here = found[self._merged], found[self.own]
        if there is None or there.is_folder:
            kind = DanglingLink if there is None else LinkedFolder
            self.problem = self.problem or kind(header.name, header.link)
            there = None
        if here is None or here.is_folder:
            self._interest.add(path, whole=True)
            here = None
        for tree, node in ((self._merged, there), (self.own, here)):
            tree.link(self._enter(tree, path[:-1], path), path[-1], node)
