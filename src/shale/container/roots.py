"""The root file systems of containers, made of the snapshots of their images."""

from __future__ import annotations

import os
from collections.abc import Callable

from shale.container.record import ContainerRecord
from shale.image.layerkeys import layer_keys
from shale.linux.mount import mount_overlay
from shale.snapshot.snapshots import Snapshots
from shale.store.store import Store

__all__ = ["SnapshotRoots"]


class SnapshotRoots:
    """Mounts what containers stand on."""

    def __init__(self, store: Store, snapshots: Callable[[], Snapshots], *, user: bool) -> None:
        """Prepare.

        Args:
            store: whose images.
            snapshots: gives its snapshots; asked when something is to be mounted.
            user: whether overlay's marks are those of a user namespace.
        """
        self._store = store
        self._snapshots = snapshots
        self._user = user

    def mount(self, record: ContainerRecord, upper: int, work: int) -> int:
        """The image with a folder for changes on top, detached; the descriptor is the caller's.

        Raises:
            ShaleError: the image is not here whole, or cannot be mounted.
        """
        with self._snapshots().open(layer_keys(self._store, record.manifest)) as snapshot:
            return snapshot.mount(upper, work)

    def view(self, record: ContainerRecord) -> int:
        """The image alone, detached and read-only; errors as `mount`."""
        with self._snapshots().open(layer_keys(self._store, record.manifest)) as snapshot:
            return snapshot.view()

    def look(self, record: ContainerRecord, upper: int) -> int:
        """The image with changes on top that somebody else may be writing, detached and read-only.

        What overlay shows of folders that change meanwhile is not defined; it does no harm.
        """
        below = self.view(record)
        try:
            return mount_overlay((upper, below), user=self._user)
        finally:
            os.close(below)
