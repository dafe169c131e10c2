"""The verbs of `Images` that make file systems of images: mount, umount, unpack."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import msgspec

from shale.engine.naming import NameVerbs
from shale.engine.parts import Parts
from shale.errors import NotFound
from shale.image.listing import ImageSummary, list_images
from shale.image.resolve import select_platform
from shale.oci.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from shale.image.mounts import ImageMounts
    from shale.image.unpack import Unpacked

__all__ = ["MountVerbs", "MountedImage"]


def _go_on() -> None:
    """Nobody wants to stop."""


class MountedImage(msgspec.Struct, frozen=True):
    """An image that is mounted.

    Attributes:
        place: where.
        manifest: of the image.
        image: the image; None where it is not listed any more, because it was removed by force.
        since: seconds since the epoch.
    """

    place: Path
    manifest: Digest
    image: ImageSummary | None
    since: float


class MountVerbs(NameVerbs):
    """What `Images` inherits."""

    _parts: Parts

    @contextmanager
    def mount(
        self, name: str, *, platform: str | None = None, check: Callable[[], None] = _go_on
    ) -> Iterator[Path]:
        """Mount an image read-only for as long as the `with` lasts.

            with engine.images.mount("debian:12") as root:
                print((root / "etc/debian_version").read_text())

        Args:
            name: a name, digest or id.
            platform: of an index; by default the best for this machine.
            check: called often while layers are made mountable; it may raise to stop.

        Raises:
            NotFound: no such image, or not all of it is here.
            Corrupt: it is damaged.
            Unsupported, Denied: this user cannot mount here; `unpack` needs nothing of the kind.
            Exhausted, Unavailable: the disk.
        """
        mounts = self._mounts()
        place = self._look(name, lambda image: mounts.own(self._manifest(image, platform), check))
        try:
            yield place
        finally:
            with suppress(NotFound):  # somebody has unmounted everything
                mounts.unmount(place, force=True)

    def mount_for_all(
        self, name: str, *, platform: str | None = None, check: Callable[[], None] = _go_on
    ) -> Path:
        """Mount an image read-only at the place where everybody gets it, until `umount` or the machine's end.

        Args:
            name: as `mount`.
            platform: as `mount`.
            check: as `mount`.

        Raises:
            ShaleError: as `mount`.
        """
        mounts = self._mounts()
        return self._look(name, lambda image: mounts.shared(self._manifest(image, platform), check))

    def mounts(self) -> Sequence[MountedImage]:
        """What is mounted now, the first that was first."""
        by_manifest = {
            manifest: image
            for image in list_images(self._parts.store, self._parts.settings.host)
            for manifest in (image.target, *(one.manifest for one in image.platforms))
        }
        return [
            MountedImage(one.place, one.manifest, by_manifest.get(one.manifest), one.since)
            for one in self._mounts().all()
        ]

    def mount_places(self) -> Sequence[Path]:
        """Every place that is or should be a mount: those as well whose maker was killed in between."""
        return self._mounts().places()

    def umount(self, image: str | Path, *, platform: str | None = None, force: bool = False) -> Path:
        """Unmount what `mount_for_all` mounted, or what is mounted at a place.

        Args:
            image: a name, digest or id; or the place.
            platform: as `mount`.
            force: although it is in use: who has files of it open keeps them.

        Returns:
            The place where it was.

        Raises:
            NotMounted: it is not mounted.
            MountBusy: it is in use.
            ImageNotFound: no such image.
        """
        mounts = self._mounts()
        if isinstance(image, os.PathLike):
            place = image
        else:
            place = mounts.of(self._manifest(self.find(image), platform))
        mounts.unmount(place, force=force)
        return place

    def unpack(
        self,
        name: str,
        to: Path,
        *,
        bundle: bool = False,
        platform: str | None = None,
        check: Callable[[], None] = _go_on,
    ) -> Unpacked:
        """Write the tree of an image into a new or empty folder; nothing is mounted, and no root is needed.

        Args:
            name: a name, digest or id.
            to: the folder. It appears whole or not at all.
            bundle: make an OCI bundle: the tree is `to/rootfs`, and `to/config.json` says how to run it.
            platform: as `mount`.
            check: called often; it may raise to stop.

        Raises:
            FolderNotEmpty: something is there.
            NotFound, Corrupt: the image is not here whole.
            Invalid: a layer is malformed or hostile.
            Exhausted, Denied, Unavailable: the disk.
        """
        from shale.image.unpack import unpack_image  # noqa: PLC0415 - not for those who only look

        store = self._parts.store
        return self._look(
            name,
            lambda image: unpack_image(store, self._manifest(image, platform), to, bundle=bundle, check=check),
        )

    def _mounts(self) -> ImageMounts:
        from shale.image.mounts import ImageMounts  # noqa: PLC0415 - as above

        return ImageMounts(self._parts.store, self._parts.snapshotting.snapshots)

    def _manifest(self, image: ImageSummary, platform: str | None) -> Digest:
        return select_platform(image, platform, self._parts.settings.host).manifest
