"""Which paths of a chain matter: where its layers may mean something else together than one by one.

Nearly all entries of nearly all chains do not, and need not be remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shale.snapshot.walk import Path

__all__ = ["Interest"]


@dataclass(slots=True)
class _Room:
    """One path: what is of interest in it, by name; and whether everything is."""

    rooms: dict[bytes, _Room] = field(default_factory=dict)
    whole: bool = False


class Interest:
    """A set of paths, with all folders on the way to them. It only grows.

    Attributes:
        size: paths in it.
    """

    def __init__(self) -> None:
        self._root = _Room()
        self.size = 1

    def add(self, path: Path, *, whole: bool = False) -> None:
        """Take an interest in a path; with `whole` in all that is below it too."""
        room = self._root
        for name in path:
            if room.whole:
                return
            below = room.rooms.get(name)
            if below is None:
                below = room.rooms[name] = _Room()
                self.size += 1
            room = below
        if whole and not room.whole:
            room.whole = True
            room.rooms.clear()
            self.size += 1

    def depth(self, path: Path) -> int:
        """How many components of the path, from the root down, are of interest."""
        room = self._root
        for depth, name in enumerate(path):
            if room.whole:
                break
            below = room.rooms.get(name)
            if below is None:
                return depth
            room = below
        return len(path)
