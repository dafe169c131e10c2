"""The root file systems of containers, made of the snapshots of their images.

Where nothing can be stacked a container's files are a copy; and those of one that was begun with a copy always.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from shale.container.record import ContainerRecord
from shale.image.layerkeys import layer_keys
from shale.linux.mount import change
from shale.runtime.wishes import RunWishes, decode_wishes
from shale.snapshot.copied import is_copied
from shale.snapshot.layers import LayerKey
from shale.snapshot.snapshots import Snapshot
from shale.store.store import Store

__all__ = ["Images", "SnapshotRoots"]


class Images(Protocol):
    """The images of a store, as something to stand on: stacked, or copied."""

    def open(self, layers: Sequence[LayerKey], /) -> AbstractContextManager[Snapshot]:
        """The layers of an image as one."""


class SnapshotRoots:
    """Mounts what containers stand on."""

    def __init__(self, store: Store, usual: Callable[[], Images], copies: Callable[[], Images]) -> None:
        """Prepare.

        Args:
            store: whose images.
            usual: gives its images as they are used here; asked when something is to be mounted.
            copies: gives them as copies.
        """
        self._store = store
        self._usual = usual
        self._copies = copies

    def mount(self, record: ContainerRecord, upper: int, work: int, *, volatile: bool = False) -> int:
        """The image with a folder for changes on top, detached; the descriptor is the caller's.

        Device nodes that an image brings have no effect in it: those of a container are in /dev, and that
        the others are forbidden would depend on control groups alone. One that may make device nodes can use
        what it made.

        Args:
            record: whose image.
            upper: descriptor of the folder.
            work: of the one beside it.
            volatile: whether nothing of it is ever synced; it can be mounted only once then.

        Raises:
            ShaleError: the image is not here whole, or cannot be mounted.
        """
        images = self._copies() if is_copied(work) else self._usual()
        with images.open(layer_keys(self._store, record.manifest)) as snapshot:
            root = snapshot.mount(upper, work, volatile=volatile)
        try:
            if not _makes_devices(decode_wishes(record.spec.wishes)):
                change(root, no_devices=True)
        except BaseException:
            os.close(root)
            raise
        return root

    def view(self, record: ContainerRecord) -> int:
        """The image alone, detached and read-only; errors as `mount`."""
        with self._usual().open(layer_keys(self._store, record.manifest)) as snapshot:
            return snapshot.view()


def _makes_devices(wishes: RunWishes) -> bool:
    """Whether device nodes are a container's business, because its caller said so."""
    added = {name.upper().removeprefix("CAP_") for name in wishes.cap_add}
    return wishes.privileged or not added.isdisjoint({"ALL", "MKNOD"})
