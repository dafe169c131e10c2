"""One entry of a tree, as it goes into a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shale.layer.header import REGULAR

__all__ = ["TreeEntry"]


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """What a tar says of one entry.

    Attributes:
        path: from the root, without a slash at either end; empty for the root itself.
        kind: the type flag, one of those of `layer/header`.
        mode: permissions, set-id and sticky bits included.
        uid: owner.
        gid: group.
        mtime_ns: nanoseconds since 1970.
        size: bytes of a regular file.
        link: the target of a symbolic link, or the path of what a hard link is another name of.
        xattrs: extended attributes.
        major: of a device.
        minor: of a device.
    """

    path: bytes
    kind: bytes = REGULAR
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    link: bytes = b""
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)
    major: int = 0
    minor: int = 0
