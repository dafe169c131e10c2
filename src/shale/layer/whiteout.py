"""Whiteouts: entries that say what a layer removes, by their names alone.

`.wh.NAME` removes NAME that layers below have, and what this layer had of that name before it.
`.wh..wh..opq` hides everything that layers below have in its folder, wherever it stands among the entries;
what this layer itself puts there stays. Other names that begin with `.wh..wh.` are marks that aufs left
in images of its time, and mean nothing.

Specification: image-spec layer.md "Whiteouts". Where it leaves room containerd and umoci are followed: the
type of such an entry does not matter.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from shale.layer.field import InvalidTar

__all__ = ["AUFS", "OPAQUE", "PREFIX", "Mark", "read_mark"]

PREFIX: Final = b".wh."
OPAQUE: Final = b".wh..wh..opq"
AUFS: Final = b".wh..wh."


class Mark(Enum):
    """What the last component of an entry's name says."""

    NONE = "an entry like any other"
    REMOVES = "removes the name that follows the prefix"
    OPAQUE = "hides what lies below its folder"
    MEANINGLESS = "to be passed over"


def read_mark(base: bytes, offset: int) -> tuple[Mark, bytes]:
    """What an entry is, by the last component of its path.

    Args:
        base: that component.
        offset: of the header in the stream, for errors.

    Returns:
        The mark, and for REMOVES the name that it removes, else the component itself.

    Raises:
        InvalidTar: it would remove nothing, the folder itself, or the one above (`.wh.`, `.wh..`, `.wh...`).
    """
    if not base.startswith(PREFIX):
        return Mark.NONE, base
    if base == OPAQUE:
        return Mark.OPAQUE, base
    if base.startswith(AUFS):
        return Mark.MEANINGLESS, base
    victim = base[len(PREFIX) :]
    if victim in (b"", b".", b".."):
        raise InvalidTar(f"the whiteout {base!r} names no entry of its folder", offset)
    return Mark.REMOVES, victim
