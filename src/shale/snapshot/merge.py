"""What a chain of layers means, compared with what overlay makes of it: the correcting layer.

Layers are read one after the other, their headers only, as often as it takes to know which paths matter:
first folders that a layer implies, and hard links of loose layers; then also what these lead to. Of all other
entries nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shale.errors import Exhausted, Invalid
from shale.layer.header import DIRECTORY, HARD_LINK, Header
from shale.layer.path import components
from shale.layer.whiteout import Mark, read_mark
from shale.snapshot.adding import Adding
from shale.snapshot.correction import Correction
from shale.snapshot.difference import difference
from shale.snapshot.entries import OpenTar, read_entries
from shale.snapshot.interest import Interest
from shale.snapshot.model import Tree, lay
from shale.snapshot.walk import Path

__all__ = ["TooManyHoles", "correct"]

_ROUNDS: Final = 8
"""After so many passes that found more paths all paths are taken to matter: links may lead on for long."""
_MOST_HOLES: Final = 1 << 30
"""Bytes of zeros that sparse files may become: the correcting layer has no holes."""


class TooManyHoles(Exhausted):
    """Sparse files would have to be written once more with all their holes."""

    def __init__(self, holes: int) -> None:
        super().__init__(
            f"the layers of an image have hard links to sparse files of other layers, with {holes} bytes of"
            f" holes: at most {_MOST_HOLES} are accepted"
        )


def correct(tars: Sequence[OpenTar], loose: Sequence[bool]) -> Correction | None:
    """The difference between the merged tree of a chain and what overlay shows of its layers.

    Args:
        tars: the layers, the bottom one first. Each is opened several times, one at a time.
        loose: for each whether it depends on those below (`Built.loose`).

    Returns:
        The layer to put on top; None where none is needed. Nothing is read where no layer is loose.

    Raises:
        InvalidTar: a layer is no archive.
        DanglingLink: a hard link's target is in none of the layers.
        TooManyLinks: symbolic links lead on and on.
        ChainTooLarge, TooManyHoles: the correcting layer, or finding it, would take too much.
    """
    if not any(loose[1:]):
        return None
    interest = Interest()
    for layer, tar in enumerate(tars):
        read_entries(tar, _Survey(interest, links=loose[layer]).take)
    for _ in range(_ROUNDS):
        known = interest.size
        merged, shown, problem = _build(tars, interest)
        if interest.size == known:
            break
    else:
        interest.add((), whole=True)
        merged, shown, problem = _build(tars, interest)
    if problem is not None:
        raise problem
    found = difference(merged, shown)
    if found.is_empty:
        return None
    if found.holes > _MOST_HOLES:
        raise TooManyHoles(found.holes)
    return Correction(found, tars)


class _Survey:
    """The first look at one layer: folders that are implied when they are needed, and hard links."""

    def __init__(self, interest: Interest, *, links: bool) -> None:
        self._interest = interest
        self._links = links
        self._described: set[Path] = {()}

    def take(self, header: Header, _at: int) -> None:
        """Look at an entry."""
        path = components(header.name, header.offset)
        if not path:
            return
        depth = len(path) - 1
        while depth and path[:depth] not in self._described:
            self._interest.add(path[:depth])
            depth -= 1
        mark, victim = read_mark(path[-1], header.offset)
        if mark is Mark.NONE and header.kind == DIRECTORY:
            self._described.add(path)
            return
        self._described.discard((*path[:-1], victim))
        if self._links and mark is Mark.NONE and header.kind == HARD_LINK:
            self._interest.add(path, whole=True)
            self._interest.add(components(header.link, header.offset))


def _build(tars: Sequence[OpenTar], interest: Interest) -> tuple[Tree, Tree, Invalid | None]:
    """The merged tree and what overlay shows, as far as is of interest; and what is wrong with the chain."""
    merged, shown = Tree(own=False), Tree(own=False)
    problem: Invalid | None = None
    for layer, tar in enumerate(tars):
        merged.layer = layer
        own = Tree(own=True)
        adding = Adding(layer, interest, merged, own)
        read_entries(tar, adding.take)
        problem = problem or adding.problem
        lay(shown, own)
    return merged, shown, problem
