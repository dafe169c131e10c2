"""Making the layers of a pull mountable in the same pass in which they are received and verified.

It is extra: what goes wrong with it alone (a full disk, a kernel that cannot) harms no pull, and the layer is
made when it is first used. But a layer that is no good is found out here, and refused by the pull.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from shale.errors import Denied, Unavailable, Unsupported
from shale.linux.durable import DiskFull
from shale.oci.digest import DiffID, Digest
from shale.oci.platform import Platform, best_match
from shale.store.database import Transaction
from shale.store.store import Store

if TYPE_CHECKING:
    from shale.layer.verify import Counts
    from shale.snapshot.layers import Layers
    from shale.snapshot.target import LayerTarget

__all__ = ["LayerMaking", "Mountable"]

_OURS: Final = (DiskFull, Denied, Unavailable, Unsupported)
"""What is the fault of this machine and not of the layer."""
_SPARE: Final = 16 << 20
"""Bytes that must stay free besides those that a pull needs for its blobs."""


class Mountable(msgspec.Struct, frozen=True):
    """Which layers are made mountable, and where.

    Attributes:
        store: where the blobs go.
        layers: gives the mountable layers of the store; asked with the first layer that comes, in its thread.
        machine: what runs here.
    """

    store: Store
    layers: Callable[[], Layers]
    machine: Platform

    def runs(self, platform: Platform) -> bool:
        """Whether an image for a platform runs here."""
        return best_match(self.machine, [(platform, platform)]) is not None

    def making(
        self, layer: Digest, room: int, check: Callable[[], None], wanted: Callable[[], bool]
    ) -> LayerMaking:
        """Prepare for one layer.

        Args:
            layer: the digest of its blob.
            room: bytes that must stay free on the disk: what is still to come of blobs.
            check: called while another process is waited for.
            wanted: asked at the end, when the image's config is here: whether it runs here.
        """
        return LayerMaking(self, layer, room + _SPARE, check, wanted)


class LayerMaking:
    """One layer that is made mountable as it arrives; a context manager.

    `feed` may be called in another thread than the rest, but not at the same time.
    """

    def __init__(
        self,
        mountable: Mountable,
        layer: Digest,
        room: int,
        check: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> None:
        self._mountable = mountable
        self._layer = layer
        self._room = room
        self._check = check
        self._wanted = wanted
        self._target: LayerTarget | None = None

    def begin(self) -> None:
        """Begin, or begin again with the first byte."""
        self.close()
        if self._has_room():
            with suppress(*_OURS):
                self._target = self._mountable.layers().begin(self._layer, self._check)

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the layer's tar.

        Raises:
            InvalidTar: the layer is malformed or hostile.
        """
        if self._target is not None and self._has_room():
            with self._alone():
                self._target.feed(piece)
        else:
            self.close()

    @property
    def goes_on(self) -> bool:
        """Whether it is being made: not where this machine cannot, or has no room."""
        return self._target is not None

    def finish(self) -> Counts | None:
        """Say that the tar is complete.

        Returns:
            What is in it; None where it was not made to the end.

        Raises:
            InvalidTar: as `feed`.
        """
        if self._target is not None:
            with self._alone():
                from shale.layer.verify import Counts  # noqa: PLC0415 - not where no layer comes

                built = self._target.finish()
                return Counts(built.entries, built.content_size)
        return None

    def commit(self, tx: Transaction, diff_id: DiffID) -> None:
        """Keep the layer, where it was made and is wanted.

        Args:
            tx: the transaction that records the layer's blob.
            diff_id: of the bytes that were fed.
        """
        if self._target is not None and self._wanted():
            with self._alone():
                self._target.commit(tx, diff_id)

    def close(self) -> None:
        """Let go of everything; what was not committed is removed."""
        target, self._target = self._target, None
        if target is not None:
            target.close()

    def _has_room(self) -> bool:
        """Whether the blobs have room enough beside it: they are what a pull is for."""
        disk = os.fstatvfs(self._mountable.store.layers.folder)
        return disk.f_bavail * disk.f_frsize >= self._room

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """What is this machine's fault ends the making, and nothing else."""
        try:
            yield
        except _OURS:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
