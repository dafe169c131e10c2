"""What one tree has to be given, on top of it, to look like another."""

from __future__ import annotations

from dataclasses import dataclass, field

from shale.snapshot.facts import Facts
from shale.snapshot.model import Tree
from shale.snapshot.walk import Node, Path

__all__ = ["Difference", "difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a correcting layer says.

    Attributes:
        folders: by path; all those that anything here is in are among them, the root too.
        gone: what is to be removed, sorted.
        files: everything else, each with all its names, sorted.
    """

    folders: dict[Path, Facts] = field(default_factory=dict)
    gone: list[Path] = field(default_factory=list)
    files: list[tuple[Facts, list[Path]]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the trees are the same."""
        return not self.folders

    @property
    def holes(self) -> int:
        """Bytes that the files have and no tar stores."""
        return sum(facts.size - facts.source.stored for facts, _ in self.files if facts.source)


_NOTHING = Node(Facts(b""))


def difference(wanted: Tree, shown: Tree) -> Difference:
    """Compare what a chain means with what overlay shows of it."""
    found = Difference()
    names: dict[int, tuple[Facts, list[Path]]] = {}
    differing: set[int] = set()
    todo: list[tuple[Path, Node, Node]] = [((), wanted.root, shown.root)]
    while todo:
        path, want, have = todo.pop()
        if want.is_folder:
            if not have.is_folder or want.facts != have.facts:
                found.folders[path] = want.facts
            below = have.children
            found.gone.extend((*path, name) for name in below if name not in want.children)
            todo += [((*path, name), child, below.get(name, _NOTHING)) for name, child in want.children.items()]
        else:
            names.setdefault(id(want.facts), (want.facts, []))[1].append(path)
            if want.facts is not have.facts:
                differing.add(id(want.facts))
    found.gone.sort()
    found.files.extend((facts, sorted(paths)) for one, (facts, paths) in names.items() if one in differing)
    found.files.sort(key=lambda file: file[1])
    _describe_parents(found, wanted.root)
    return found


def _describe_parents(found: Difference, root: Node) -> None:
    """Describe the folders that anything is in, so that the correcting layer itself implies none."""
    paths = [*found.folders, *found.gone, *(path for _, paths in found.files for path in paths)]
    for path in paths:
        folder = root
        for depth, name in enumerate(path):
            found.folders[path[:depth]] = folder.facts
            if depth < len(path) - 1:
                folder = folder.children[name]
