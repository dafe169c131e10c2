"""Layers as EROFS files: made, mounted, verified, removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from shale.linux.durable import disk_errors
from shale.linux.mount import MountRefused, mount_erofs
from shale.oci.digest import DiffID
from shale.snapshot.erofs.layout import HEADER, read_header
from shale.snapshot.form import LayerDamaged, LayerMissing

if TYPE_CHECKING:
    from shale.snapshot.erofs.builder import ErofsBuilder

__all__ = ["ErofsForm"]


class ErofsForm:
    """See `LayerForm` of `snapshot/form`; there is one file for each layer."""

    @property
    def name(self) -> str:
        """See `LayerForm`."""
        return "erofs"

    def builder(self, folder: int, name: str) -> ErofsBuilder:
        """See `LayerForm`.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        from shale.snapshot.erofs.builder import ErofsBuilder  # noqa: PLC0415 - not for those who only mount

        return ErofsBuilder(folder, name)

    def open(self, folder: int, name: str) -> int:
        """See `LayerForm`.

        Raises:
            LayerMissing: there is no such layer.
            LayerDamaged: it was not finished, has lost its end, or the kernel refuses it.
            MountDenied, MountUnsupported: not here, or not for this user.
        """
        with _opened(folder, name) as file:
            _sizes(file, name)
            try:
                return mount_erofs(file)
            except MountRefused as refused:
                raise LayerDamaged(f"the layer {name} cannot be mounted: {refused.message}") from refused

    def open_tar(self, folder: int, name: str) -> BinaryIO:
        """The tar that a layer was made of, every byte; the caller closes it.

        Raises:
            LayerMissing: there is no such layer.
            LayerDamaged: it was not finished, or has lost its end.
        """
        from shale.snapshot.erofs.section import open_section  # noqa: PLC0415 - as above

        with _opened(folder, name) as file:
            tar_size, _ = _sizes(file, name)
            return open_section(os.dup(file), HEADER, tar_size)

    def verify(self, folder: int, name: str, diff_id: DiffID) -> None:
        """See `LayerForm`: the tar is hashed, and the rest compared with what would be made of it now.

        Raises:
            LayerMissing: there is no such layer.
            LayerDamaged: it is something else.
            StorageFailure: it cannot be read.
        """
        from shale.snapshot.erofs.comparison import compare_layer  # noqa: PLC0415 - as `builder`

        with _opened(folder, name) as file:
            tar_size, size = _sizes(file, name)
            with disk_errors(f"reading the layer {name}"):
                compare_layer(file, name, tar_size, size, diff_id)

    def sync(self, folder: int, name: str) -> None:
        """See `LayerForm`.

        Raises:
            LayerMissing: there is no such layer.
            DiskFull, StorageFailure: the disk.
        """
        with _opened(folder, name) as file, disk_errors(f"syncing the layer {name}"):
            os.fdatasync(file)

    def remove(self, folder: int, name: str) -> None:
        """See `LayerForm`.

        Raises:
            NoPermission, StorageFailure: the disk.
        """
        with suppress(FileNotFoundError), disk_errors(f"removing the layer {name}"):
            os.unlink(name, dir_fd=folder)


@contextmanager
def _opened(folder: int, name: str) -> Iterator[int]:
    try:
        with disk_errors(f"opening the layer {name}"):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise LayerMissing(name) from error
    try:
        yield file
    finally:
        os.close(file)


def _sizes(file: int, name: str) -> tuple[int, int]:
    """Bytes of the tar, and of the file, which has all that its header says."""
    with disk_errors(f"reading the layer {name}"):
        sizes = read_header(os.pread(file, HEADER, 0))
        if sizes is None or os.fstat(file).st_size != sizes[1]:
            raise LayerDamaged(f"the layer {name} was not finished, or has lost a part")
    return sizes
