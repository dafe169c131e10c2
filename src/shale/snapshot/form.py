"""The port: one form in which a layer can be mounted.

A form makes a layer from its tar as the bytes arrive, under a name in a folder that the caller chose, and
opens it again as the lower directory of an overlay. Forms do not know blobs, databases or chains.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from shale.errors import Corrupt, NotFound
from shale.oci.digest import DiffID

__all__ = ["Built", "LayerBuilder", "LayerDamaged", "LayerForm", "LayerMissing"]


class LayerMissing(NotFound):
    """There is no layer of that name in the folder."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no layer {name}; it is made again from its blob at the next use")


class LayerDamaged(Corrupt):
    """A mountable layer is not what its DiffID, or its own list of files, says."""


class Built(msgspec.Struct, frozen=True):
    """A layer that was made.

    Attributes:
        size: bytes that it takes on disk.
        entries: of the tar.
        content_size: bytes of their files, as docker counts the SIZE of an image.
        loose: whether the layer depends on those below it in a way that overlay does not know: it has
            entries in folders that it does not itself describe, or hard links to files that it does not
            itself contain. Then a chain with it may need a correcting layer.
        notes: what could not be kept, for a person: `device dev/sda skipped: this user may not make it`.
    """

    size: int
    entries: int
    content_size: int
    loose: bool
    notes: tuple[str, ...] = msgspec.field(default=())


class LayerBuilder(Protocol):
    """One layer while it is being made. Not for use by two threads at once."""

    def feed(self, piece: bytes | memoryview, /) -> None:
        """Take the next bytes of the tar; they may be overwritten once this returns.

        Raises:
            InvalidTar: they are no archive, or one that breaks a limit.
            DiskFull, NoPermission, StorageFailure: the disk.
        """

    def finish(self) -> Built:
        """Say that all bytes have come, those after the end of the archive included.

        The layer is complete then under the name that was given, and need not be durable.

        Raises:
            TruncatedTar: the archive is not at its end.
            InvalidTar, DiskFull, NoPermission, StorageFailure: as `feed`.
        """

    def close(self) -> None:
        """Let go of everything; what was not finished is removed as far as possible."""


class LayerForm(Protocol):
    """One way to keep layers mountable. Safe to use from threads and processes.

    `folder` is always the descriptor of a folder of ours, `name` one component that we chose.
    """

    @property
    def name(self) -> str:
        """`erofs`, `tree` or `copying`; part of the database and of `shale info`."""

    def builder(self, folder: int, name: str) -> LayerBuilder:
        """Begin a layer under a name that does not exist."""

    def open(self, folder: int, name: str) -> int:
        """The root of a layer, as a descriptor that can be a lower directory of an overlay.

        What is a mount stays good when the layer is removed meanwhile; a folder is empty then. The caller
        closes it; nothing else holds it.

        Raises:
            LayerMissing: there is no such layer.
            LayerDamaged: it cannot be mounted.
        """

    def verify(self, folder: int, name: str, diff_id: DiffID) -> None:
        """Read a whole layer and compare it with what it should be.

        Raises:
            LayerMissing: there is no such layer.
            LayerDamaged: it is something else.
        """

    def sync(self, folder: int, name: str) -> None:
        """Make a layer durable; cheap where the kernel has written it already."""

    def remove(self, folder: int, name: str) -> None:
        """Remove a layer, whole or half-made; a missing one is fine."""
