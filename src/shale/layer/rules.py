"""How a layer is to be written as files, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from shale.layer.limits import LayerLimits

__all__ = ["Applied", "ApplyRules", "Whiteouts"]


class Whiteouts(Enum):
    """What whiteouts become. The value of the first two begins the names of overlay's attributes.

    Specification: Linux Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories".
    """

    TRUSTED = b"trusted.overlay."
    USER = b"user.overlay."
    REMOVE = b""


@dataclass(frozen=True, slots=True)
class ApplyRules:
    """How a layer is to be written.

    Attributes:
        whiteouts: TRUSTED or USER (in a user namespace) for a lower directory of overlay, which must begin
            empty; REMOVE to write the layer over what is there, so that layers one after the other make the
            merged tree.
        keep_owner: whether files get the owners that the layer says. Else all belong to whoever runs this,
            and have no set-id bits, which were meant for other owners.
        make_devices: whether device nodes are made. Else they are left out, with a note.
        limits: what is too much.
    """

    whiteouts: Whiteouts
    keep_owner: bool = True
    make_devices: bool = True
    limits: LayerLimits = field(default_factory=LayerLimits)


@dataclass(frozen=True, slots=True)
class Applied:
    """A layer that was written.

    Attributes:
        entries: of the archive.
        content_size: bytes of their files, as docker counts the SIZE of an image.
        size: bytes on disk, about: what files store in blocks of 4 KiB, and a block for each folder.
        loose: whether the layer depends on those below it as docs/layers.md says.
        notes: what could not be kept, for a person.
    """

    entries: int
    content_size: int
    size: int
    loose: bool
    notes: tuple[str, ...]
