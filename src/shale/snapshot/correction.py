"""A difference as a layer: folders first, then what is gone, then files in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shale.layer.entry import TreeEntry
from shale.layer.field import padding
from shale.layer.header import HARD_LINK
from shale.layer.whiteout import PREFIX
from shale.layer.writer import END, header_of
from shale.snapshot.difference import Difference
from shale.snapshot.entries import Bodies, OpenTar
from shale.snapshot.facts import Facts
from shale.snapshot.walk import Path

__all__ = ["Correction"]

_Entries = Iterator[tuple[TreeEntry, Iterable[bytes]]]


class Correction:
    """The layer that a chain needs on top, to look as if its layers had been applied one after the other.

    Iterating it gives its tar, in pieces: the same bytes each time.

    Args:
        difference: what it says.
        tars: the chain's layers, the bottom one first.
    """

    def __init__(self, difference: Difference, tars: Sequence[OpenTar]) -> None:
        self._difference = difference
        self._tars = tars

    def __iter__(self) -> Iterator[bytes]:
        """The tar, in pieces of at most 1 MiB and some.

        Raises:
            InvalidTar: a layer's tar is not what it was.
        """
        for entry, body in self.entries():
            yield header_of(entry)
            yield from body
            if pad := padding(entry.size):
                yield bytes(pad)
        yield END

    def entries(self) -> _Entries:
        """What the layer has, with the bytes of files: to be taken before the next entry is asked for.

        Raises:
            InvalidTar: as above.
        """
        for path, facts in sorted(self._difference.folders.items()):
            yield _entry(path, facts), ()
        for path in self._difference.gone:
            yield TreeEntry(b"/".join((*path[:-1], PREFIX + path[-1])), mode=0o600), ()
        for facts, paths in self._difference.files:
            if facts.source is None:
                yield from _named(paths, facts, ())
        for layer, tar in enumerate(self._tars):
            yield from self._of_layer(layer, tar)

    def _of_layer(self, layer: int, tar: OpenTar) -> _Entries:
        files = [
            (facts.source.at, facts, facts.source, paths)
            for facts, paths in self._difference.files
            if facts.source is not None and facts.source.layer == layer
        ]
        if not files:
            return
        with tar() as stream:
            bodies = Bodies(stream)
            for _, facts, source, paths in sorted(files, key=lambda file: file[0]):
                yield from _named(paths, facts, bodies.read(source, facts.size))


def _named(paths: Sequence[Path], facts: Facts, body: Iterable[bytes]) -> _Entries:
    """A file under its first name, and links to that under the others."""
    first = b"/".join(paths[0])
    yield _entry(paths[0], facts), body
    for path in paths[1:]:
        # The header of a link counts for nothing here, but to other readers it does.
        linked = Facts(HARD_LINK, facts.mode, facts.uid, facts.gid, facts.mtime, link=first)
        yield _entry(path, linked), ()


def _entry(path: Path, facts: Facts) -> TreeEntry:
    return TreeEntry(
        path=b"/".join(path),
        kind=facts.kind,
        mode=facts.mode,
        uid=facts.uid,
        gid=facts.gid,
        mtime_ns=facts.mtime,
        size=facts.size,
        link=facts.link,
        xattrs=facts.xattrs,
        major=facts.major,
        minor=facts.minor,
    )
