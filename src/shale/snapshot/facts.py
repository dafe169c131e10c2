"""What an entry of a layer says of a file, without its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from shale.layer.header import CONTIGUOUS, DIRECTORY, GNU_SPARSE, REGULAR, SYMLINK, Extent, Header

__all__ = ["IMPLIED", "Facts", "Source", "read_facts"]

_FILES: Final = (REGULAR, CONTIGUOUS, GNU_SPARSE)
_NONE: Final[Mapping[bytes, bytes]] = {}
_OVERLAY: Final = (b"trusted.overlay.", b"user.overlay.")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of a file stand.

    Attributes:
        layer: which one, counted from the bottom.
        at: the first byte, in that layer's tar.
        stored: how many the tar has.
        extents: which parts of a sparse file these are; None where they are the whole file.
    """

    layer: int
    at: int
    stored: int
    extents: tuple[Extent, ...] | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What an entry says of a file; `kind` is as in `layer/header`.

    There is one object for each entry: what is no folder and has the same object is the same inode.
    """

    kind: bytes
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    size: int = 0
    link: bytes = b""
    major: int = 0
    minor: int = 0
    source: Source | None = None


IMPLIED: Final = Facts(DIRECTORY)
"""A folder that no entry described."""


def read_facts(header: Header, layer: int = 0, at: int = 0) -> Facts:
    """The facts of an entry that is no hard link.

    Args:
        header: the entry.
        layer: which layer's, counted from the bottom.
        at: where its bytes begin in that layer's tar.

    Raises:
        InvalidTar: an attribute is encoded wrongly.
    """
    kind, source = header.kind, None
    xattrs = header.xattrs if header.records else _NONE
    if kind in _FILES:
        kind = REGULAR
        stored = header.stored if header.extents is None else sum(one.length for one in header.extents)
        source = Source(layer, at, stored, header.extents)
    return Facts(
        kind=kind,
        mode=0o777 if kind == SYMLINK else header.mode & 0o7777,
        uid=header.uid,
        gid=header.gid,
        mtime=header.mtime,
        # They would be orders to overlay.
        xattrs={name: value for name, value in xattrs.items() if not name.startswith(_OVERLAY)} or _NONE,
        size=header.length if kind == REGULAR else 0,
        link=header.link if kind == SYMLINK else b"",
        major=header.major,
        minor=header.minor,
        source=source,
    )
