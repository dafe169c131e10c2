"""The binds and volumes of a container that does not run, seen in its tree: copies go through them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from shale.container.folders import HeldFolder
from shale.container.record import ContainerRecord
from shale.linux.mount import attach, clone, in_private_mounts
from shale.runtime.mounting import Mounter
from shale.runtime.volumes import Volumes, volumes_of_image
from shale.runtime.wishes import MountWish, TmpfsMount, decode_wishes

__all__ = ["Fill", "with_mounts"]

Fill = Callable[[int, int], None]
"""Copies a tree into an empty folder, both by descriptor."""

_ROOTFS: Final = "rootfs"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def with_mounts(root: int, held: HeldFolder, record: ContainerRecord, fill: Fill) -> int:
    """Mount what a container has mounted on its tree, where nobody sees it but by the result.

    Args:
        root: descriptor of the tree, a detached mount; it is used up.
        held: the container's folder.
        record: the container.
        fill: gives a new volume what the image has at its place.

    Returns:
        A descriptor of a detached copy of it all; the caller closes it.

    Raises:
        ShaleError: as when the container starts.
    """
    mounts = _mounts(record)
    if not mounts:
        return root

    def mounted() -> int:
        with ExitStack() as stack:
            place = held.part(_ROOTFS, 0o755)
            stack.callback(os.close, place)
            attach(root, place)
            # Opened here: descriptors from outside of the namespace cannot be mounted in it.
            folder = os.open(held.path, _FOLDER)
            stack.callback(os.close, folder)
            top = os.open(_ROOTFS, _FOLDER, dir_fd=folder)
            stack.callback(os.close, top)
            Mounter(top, Volumes(folder, fill).open).all(mounts)
            return clone(top)

    try:
        return in_private_mounts(mounted)
    finally:
        os.close(root)


def _mounts(record: ContainerRecord) -> list[MountWish]:
    """Those that keep their files when the container does not run."""
    wishes = decode_wishes(record.spec.wishes).mounts
    volumes = volumes_of_image(record.spec.config.get("Volumes") or (), wishes)
    return [one for one in (*volumes, *wishes) if not isinstance(one, TmpfsMount)]
