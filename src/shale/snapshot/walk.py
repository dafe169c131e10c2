"""The nodes of a tree without files, and the way from one to the other: links are followed inside the root."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from shale.errors import Invalid
from shale.layer.header import DIRECTORY, SYMLINK
from shale.layer.path import MAX_LINKS
from shale.snapshot.facts import Facts

__all__ = ["WHITEOUT", "Node", "Path", "TooManyLinks", "Walk"]

Path = tuple[bytes, ...]
"""Components from the root down, none of them empty, `.` or `..`."""

WHITEOUT: Final = Facts(b"")
"""That there is nothing, whatever layers below have."""
_MOST_STEPS: Final = 8192
"""Components on one path, those of links on it included."""


class TooManyLinks(Invalid):
    """The symbolic links on the path of an entry lead on and on."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the symbolic links on the path {b'/'.join(path)[:80]!r} of a layer lead on and on")


@dataclass(slots=True, eq=False)
class Node:
    """A name's end: a folder, or a file that may have further names in the same tree.

    Attributes:
        facts: what it is.
        children: of a folder, by name.
        layer: the layer that last had an entry for it, or in it.
        opaque: whether a folder hides what layers below have in it.
    """

    facts: Facts
    layer: int = 0
    children: dict[bytes, Node] = field(init=False)
    opaque: bool = False

    def __post_init__(self) -> None:
        self.children = {} if self.is_folder else _NO_CHILDREN

    @property
    def is_folder(self) -> bool:
        """Whether it can have entries."""
        return self.facts.kind == DIRECTORY

    @property
    def is_whiteout(self) -> bool:
        """Whether it only says that there is nothing."""
        return self.facts is WHITEOUT


_NO_CHILDREN: Final[dict[bytes, Node]] = {}
"""Shared by all that are no folders, and never written to."""


class Walk:
    """The components of a path, one after the other, links that are met on the way included.

    Iterating it gives each component that is no link; look for it in `folder`, then go `into` what is there.

    Attributes:
        passed: what was come by since the first link.
    """

    def __init__(self, root: Node, path: Path) -> None:
        self._trail = [root]
        self._names: list[bytes] = []
        self._todo = list(reversed(path))
        self._whole = path
        self._links = self._steps = 0
        self.passed: list[Path] = []

    @property
    def folder(self) -> Node:
        """Where the walk is."""
        return self._trail[-1]

    @property
    def path(self) -> Path:
        """The path of `folder`, without links."""
        return tuple(self._names)

    def __iter__(self) -> Walk:
        return self

    def __next__(self) -> bytes:
        while self._todo:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise TooManyLinks(self._whole)
            name = self._todo.pop()
            if name in (b"", b"."):
                continue
            if name == b"..":
                if self._names:
                    self._names.pop()
                    self._trail.pop()
                continue
            found = self.folder.children.get(name)
            if self._links:
                self.passed.append((*self._names, name))
            if found is None or found.facts.kind != SYMLINK:
                return name
            self._follow(found.facts.link)
        raise StopIteration

    def _follow(self, target: bytes) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise TooManyLinks(self._whole)
        if target.startswith(b"/"):
            self._names.clear()
            del self._trail[1:]
        self.passed.append(self.path)
        self._todo.extend(reversed(target.split(b"/")))

    def into(self, name: bytes, folder: Node) -> None:
        """Go on from a folder that was found."""
        self._names.append(name)
        self._trail.append(folder)
