"""What of an engine makes file systems: opened when something asks for it; a list of images needs none."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING

from shale.engine.settings import Settings
from shale.errors import Unsupported
from shale.store.store import Store

if TYPE_CHECKING:
    from shale.image.making import Mountable
    from shale.snapshot.snapshots import Snapshots

__all__ = ["NothingMountable", "Snapshotting"]


class NothingMountable(Unsupported):
    """No form of layers can be mounted by this user on this machine."""


class Snapshotting:
    """The snapshots of one engine's store. Safe to use from threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Prepare; nothing is tried or opened.

        Args:
            settings: of the engine.
            store: its store.
        """
        self._settings = settings
        self._store = store
        self._turn = Lock()
        self._snapshots: Snapshots | None = None

    def snapshots(self) -> Snapshots:
        """The snapshots; the same each time.

        Raises:
            NothingMountable: nothing can be mounted here; the reason says why.
        """
        with self._turn:
            if self._snapshots is None:
                self._snapshots = self._open()
            return self._snapshots

    def _open(self) -> Snapshots:
        from shale.snapshot.corrections import Corrections  # noqa: PLC0415 - see the top
        from shale.snapshot.erofs.form import ErofsForm  # noqa: PLC0415
        from shale.snapshot.layers import Layers  # noqa: PLC0415
        from shale.snapshot.merge import correct  # noqa: PLC0415
        from shale.snapshot.overlay import stack_of  # noqa: PLC0415
        from shale.snapshot.snapshots import Snapshots  # noqa: PLC0415

        layers = Layers(self._store, ErofsForm())
        return Snapshots(layers, Corrections(self._store, layers, correct), stack_of)

    def mountable(self) -> Mountable | None:
        """What makes layers mountable while they are pulled; None where their first use is early enough.

        An ordinary user's pull leaves blobs alone: trees are made inside the user namespace that needs them.
        """
        from shale.image.making import Mountable  # noqa: PLC0415 - see the top
        from shale.oci.platform import host_platform  # noqa: PLC0415

        if os.geteuid() != 0:
            return None
        try:
            layers = self.snapshots().layers
        except Unsupported:
            return None
        machine = os.uname()
        return Mountable(self._store, layers, host_platform(machine.machine, machine.sysname))
