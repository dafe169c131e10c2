"""Images mounted at places of the file system, read-only: they outlive the command that mounted them.

Invariants:
- The row is there before the mount, and as long as it: what is mounted is never collected.
- Mounting and unmounting of one store are done one after the other, under a lock on the folder `mounts/`.

A mount does not outlive the machine's run: rows of an earlier boot are forgotten.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shale.errors import NotFound
from shale.image.layerkeys import layer_keys
from shale.linux.boot import boot_id
from shale.linux.durable import disk_errors, make_folder
from shale.linux.mount import attach, mounted_at, unmount
from shale.linux.mounterrors import NoSuchPlace
from shale.oci.digest import Digest
from shale.snapshot.snapshots import Snapshots
from shale.store.store import Store

__all__ = ["ImageMount", "ImageMounts", "NotMounted"]

_FOLDER: Final = "mounts"


class NotMounted(NotFound):
    """The image is not mounted."""


@dataclass(frozen=True, slots=True)
class ImageMount:
    """A place where an image is mounted.

    Attributes:
        place: the folder.
        manifest: of the image.
        since: seconds since the epoch.
    """

    place: Path
    manifest: Digest
    since: float


class ImageMounts:
    """The mounted images of one store. Safe to use from threads and processes."""

    def __init__(self, store: Store, snapshots: Callable[[], Snapshots]) -> None:
        """Prepare.

        Args:
            store: whose images.
            snapshots: gives its snapshots; asked when something is to be mounted.
        """
        self._store = store
        self._snapshots = snapshots
        self._boot = boot_id()

    def shared(self, manifest: Digest, check: Callable[[], None]) -> Path:
        """Mount an image for everybody: at the one place that all who ask so get, until it is unmounted.

        Args:
            manifest: of the image.
            check: called often; it may raise to stop.

        Raises:
            NotFound, Corrupt: the image is not here whole.
            Unsupported, Denied: nothing can be mounted here.
            Exhausted, Unavailable: the disk.
        """
        name = f"{manifest.algorithm}-{manifest.encoded}"
        place = self._store.root / _FOLDER / name
        with self._locked():
            if any(one.place == place for one in self.all()):
                return place
        return self._mount(manifest, name, check)

    def own(self, manifest: Digest, check: Callable[[], None]) -> Path:
        """Mount an image at a place that nobody else gets; arguments and errors as `shared`."""
        return self._mount(manifest, os.urandom(16).hex(), check)

    def _mount(self, manifest: Digest, name: str, check: Callable[[], None]) -> Path:
        place = self._store.root / _FOLDER / name
        with self._store.leases.hold(f"mount {manifest.short}") as lease:
            lease.protect([manifest])
            with self._snapshots().open(layer_keys(self._store, manifest), check) as snapshot:
                root = snapshot.view()
            try:
                with self._locked() as folder:
                    self._clear(folder)
                    self._write_row(place, manifest)
                    if not _is_mounted(place):
                        os.close(make_folder(folder, name, durable=False))
                        self._attach(root, place)
            finally:
                os.close(root)
        return place

    def _attach(self, root: int, place: Path) -> None:
        try:
            attach(root, str(place))
        except BaseException:
            self._forget(place)
            raise

    def _write_row(self, place: Path, manifest: Digest) -> None:
        with self._store.database.write() as tx:
            tx.run("DELETE FROM mounts WHERE boot <> ?", (self._boot,))
            row = (str(place), str(manifest), self._boot, time.time())
            tx.run("INSERT OR REPLACE INTO mounts VALUES (?, ?, ?, ?)", row)

    def _clear(self, folder: int) -> None:
        """Take away places of which no row speaks: of an earlier boot, or of a process killed in between."""
        known = {one.place.name for one in self._rows()}
        for name in os.listdir(folder):
            if name not in known:
                with suppress(OSError):
                    os.rmdir(name, dir_fd=folder)

    def all(self) -> list[ImageMount]:
        """What is mounted now, as seen from this mount namespace, in the order in which it was."""
        return [one for one in self._rows() if _is_mounted(one.place)]

    def places(self) -> list[Path]:
        """Where anything is mounted, or was to be when its maker was killed."""
        return [one.place for one in self._rows()]

    def _rows(self) -> list[ImageMount]:
        with self._store.database.read() as tx:
            rows = tx.rows(
                "SELECT place, manifest, since FROM mounts WHERE boot = ? ORDER BY since", (self._boot,)
            )
        return [ImageMount(Path(place), Digest.parse(manifest), since) for place, manifest, since in rows]

    def of(self, manifest: Digest) -> Path:
        """The place where an image is mounted for everybody.

        Raises:
            NotMounted: there is none.
        """
        place = self._store.root / _FOLDER / f"{manifest.algorithm}-{manifest.encoded}"
        if not any(one.place == place for one in self._rows()):
            raise NotMounted(f"image {manifest.short} is not mounted")
        return place

    def unmount(self, place: Path, *, force: bool = False) -> None:
        """Unmount an image, and take its place away.

        Args:
            place: where it is mounted.
            force: although it is used: who has it open keeps it.

        Raises:
            NotMounted: no image is mounted there.
            MountBusy: it is used.
            Denied: this user may not.
        """
        with self._locked():
            if not any(one.place == place for one in self._rows()):
                raise NotMounted(f"no image is mounted at {place}")
            with suppress(NoSuchPlace):  # unmounted by hand, or its maker was killed before it was mounted
                unmount(str(place), detach=force)
            self._forget(place)

    def forget_others(self) -> None:
        """Forget what is not mounted as seen from here: for when nobody is left who could see it otherwise."""
        with self._locked():
            for one in self._rows():
                if not _is_mounted(one.place):
                    self._forget(one.place)

    def _forget(self, place: Path) -> None:
        with suppress(OSError):
            os.rmdir(place)
        with self._store.database.write() as tx:
            tx.run("DELETE FROM mounts WHERE place = ?", (str(place),))

    @contextmanager
    def _locked(self) -> Iterator[int]:
        with disk_errors("opening the store's mounts"):
            root = os.open(self._store.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                folder = make_folder(root, _FOLDER, durable=False)
            finally:
                os.close(root)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)


def _is_mounted(place: Path) -> bool:
    try:
        return mounted_at(str(place))
    except NoSuchPlace:
        return False
