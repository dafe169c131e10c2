"""A form of layers for tests: a folder with the tar in it, which any user can make and any kernel "mounts"."""

from __future__ import annotations

import os
from pathlib import Path

from shale.errors import NotFound, ShaleError
from shale.layer.field import InvalidTar
from shale.layer.scan import TarScan
from shale.linux.removal import remove_tree
from shale.oci.digest import DiffID
from shale.snapshot.form import Built, LayerBuilder, LayerDamaged

__all__ = ["FakeForm"]

LOOSE = b"loose/"
HOSTILE = b"hostile"


class FakeForm:
    """Keeps layers as `NAME/tar` and `NAME/whole`; with `loose/` in it one is loose, with `hostile` refused.

    Attributes:
        trouble: what goes wrong with the next bytes that are fed.
        made: how many layers were finished.
        synced: the names that were synced.
    """

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.trouble: ShaleError | None = None
        self.made = 0
        self.synced: list[str] = []

    def builder(self, folder: int, name: str) -> LayerBuilder:
        return _Builder(self, folder, name)

    def open(self, folder: int, name: str) -> int:
        try:
            layer = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        except FileNotFoundError:
            raise NotFound(f"no layer {name}") from None
        if not os.path.exists(f"/proc/self/fd/{layer}/whole"):
            os.close(layer)
            raise LayerDamaged(f"layer {name} cannot be mounted")
        return layer

    def verify(self, folder: int, name: str, diff_id: DiffID) -> None:
        layer = self.open(folder, name)
        try:
            tar = Path(f"/proc/self/fd/{layer}/tar").read_bytes()
        finally:
            os.close(layer)
        if DiffID.of(tar) != diff_id:
            raise LayerDamaged(f"layer {name} is {DiffID.of(tar)}")

    def sync(self, folder: int, name: str) -> None:
        self.synced.append(name)

    def remove(self, folder: int, name: str) -> None:
        remove_tree(folder, name)


class _Builder:
    def __init__(self, form: FakeForm, folder: int, name: str) -> None:
        self._form = form
        os.mkdir(name, dir_fd=folder)
        self._folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
        self._tar = os.open("tar", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=self._folder)
        self._scan = TarScan()
        self._seen = bytearray()
        self._size = 0

    def feed(self, piece: bytes | memoryview, /) -> None:
        if self._form.trouble is not None:
            raise self._form.trouble
        if HOSTILE in bytes(piece):
            raise InvalidTar("it is hostile", self._size)
        self._scan.feed(piece)
        self._size += os.write(self._tar, piece)
        self._seen += bytes(piece)

    def finish(self) -> Built:
        self._scan.close()
        os.close(os.open("whole", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=self._folder))
        self._form.made += 1
        return Built(self._size, self._scan.entries, self._scan.content_size, loose=LOOSE in self._seen)

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._tar)
            os.close(self._folder)
            self._folder = -1
