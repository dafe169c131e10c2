"""Volumes of a container: folders below its own, filled once with what the image has at their place.

They are docker's anonymous volumes: they keep what is written through restarts, are no part of `diff` and
`commit`, and go with the container. A volume appears under its name only when it is filled, so a kill leaves
one that the next start makes again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from shale.errors import Invalid
from shale.linux.durable import disk_errors, make_folder
from shale.linux.removal import remove_tree
from shale.runtime.firstprocess import absolute
from shale.runtime.wishes import MountWish, VolumeMount

__all__ = ["InvalidVolume", "Volumes", "volumes_of_image"]

_MOST: Final = 256
"""Volumes that an image may ask for; real ones ask for one or two."""
_FOLDER: Final = "volumes"


class InvalidVolume(Invalid):
    """An image asks for a volume that cannot be, or for too many."""


def volumes_of_image(names: Iterable[str], wishes: Iterable[MountWish]) -> list[VolumeMount]:
    """The volumes that an image's config asks for and the caller does not mount something else over.

    Args:
        names: the keys of the config's `Volumes`; `..` in them goes no higher than the root.
        wishes: mounts of the caller.

    Raises:
        InvalidVolume: the root itself, or too many.
    """
    taken = {absolute(wish.target) for wish in wishes}
    targets = dict.fromkeys(absolute(name) for name in names)
    if len(targets) > _MOST:
        raise InvalidVolume(f"the image asks for {len(targets)} volumes; at most {_MOST} are made")
    if "/" in targets:
        raise InvalidVolume("the image asks for a volume at /; a root file system cannot be one")
    return [VolumeMount(target=target) for target in targets if target not in taken]


class Volumes:
    """The volumes below one container's folder."""

    def __init__(self, container: int, fill: Callable[[int, int], None]) -> None:
        """Prepare.

        Args:
            container: descriptor of the container's folder.
            fill: copies a tree into an empty folder, both by descriptor: content, owners, modes, attributes,
                those of the root included.
        """
        self._container = container
        self._fill = fill

    def open(self, target: str, image: int, wish: VolumeMount) -> int:
        """The folder of a volume, made and filled when it is not there.

        Args:
            target: where it is mounted; gives it its name.
            image: descriptor (O_PATH) of what the image has there.
            wish: whether that is copied.

        Returns:
            A descriptor; the caller closes it.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        name = hashlib.sha256(target.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        with disk_errors(f"making the volume {target}"):
            above = make_folder(self._container, _FOLDER, durable=False)
            try:
                with suppress(FileNotFoundError):
                    return _open(above, name)
                return self._make(above, name, image, copy=wish.copy)
            finally:
                os.close(above)

    def _make(self, above: int, name: str, image: int, *, copy: bool) -> int:
        unfinished = f".new-{name}"
        remove_tree(above, unfinished)
        os.mkdir(unfinished, 0o755, dir_fd=above)
        made = _open(above, unfinished)
        try:
            os.fchmod(made, 0o755)
            if copy:
                source = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=image)
                try:
                    self._fill(source, made)
                finally:
                    os.close(source)
            os.rename(unfinished, name, src_dir_fd=above, dst_dir_fd=above)
        except BaseException:
            os.close(made)
            raise
        return made


def _open(folder: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
