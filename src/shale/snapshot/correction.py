"""A difference as a layer: folders first, then what is gone, then files in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shale.layer.header import HARD_LINK
from shale.layer.whiteout import PREFIX
from shale.snapshot.difference import Difference
from shale.snapshot.entries import Bodies, OpenTar
from shale.snapshot.facts import Facts
from shale.snapshot.model import Path

__all__ = ["Correction"]


class Correction:
    """The layer that a chain needs on top, to look as if its layers had been applied one after the other.

    Args:
        difference: what it says.
        tars: the chain's layers, the bottom one first.
    """

    def __init__(self, difference: Difference, tars: Sequence[OpenTar]) -> None:
        self._difference = difference
        self._tars = tars

    def entries(self) -> Iterator[tuple[Path, Facts, Iterable[bytes]]]:
        """What the layer has; a hard link's facts say where its file is.

        Bytes of a file are to be taken before the next entry is asked for.

        Raises:
            InvalidTar: a layer's tar is not what it was.
        """
        for path, facts in sorted(self._difference.folders.items()):
            yield path, facts, ()
        for path in self._difference.gone:
            yield (*path[:-1], PREFIX + path[-1]), Facts(b"0", 0o600), ()
        for facts, paths in self._difference.files:
            if facts.source is None:
                yield from _named(paths, facts, ())
        for layer, tar in enumerate(self._tars):
            files = [
                (facts.source.at, facts, facts.source, paths)
                for facts, paths in self._difference.files
                if facts.source is not None and facts.source.layer == layer
            ]
            if not files:
                continue
            with tar() as stream:
                bodies = Bodies(stream)
                for _, facts, source, paths in sorted(files, key=lambda file: file[0]):
                    yield from _named(paths, facts, bodies.read(source, facts.size))


def _named(
    paths: Sequence[Path], facts: Facts, body: Iterable[bytes]
) -> Iterator[tuple[Path, Facts, Iterable[bytes]]]:
    """A file under its first name, and links to that under the others."""
    yield paths[0], facts, body
    for path in paths[1:]:
        yield (
            path,
            Facts(HARD_LINK, facts.mode, facts.uid, facts.gid, facts.mtime, link=b"/".join(paths[0])),
            (),
        )
