"""Unpacking: the merged tree of an image in a folder, without mounting anything; root need not be asked.

The folder appears whole or not at all: it is filled under another name beside its place and renamed. A kill
leaves that other one, locked by nobody, and the next unpacking to the same place clears it away.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shale.errors import Conflict, Invalid
from shale.image.layerkeys import layer_keys
from shale.linux.durable import disk_errors
from shale.linux.removal import remove_tree
from shale.oci.digest import Digest
from shale.snapshot.blobtar import open_tar
from shale.snapshot.copying import FolderNotEmpty, powers_over, write_merged
from shale.store.locked import FolderBusy, lock_folder
from shale.store.store import Store

__all__ = ["Unpacked", "UnpackingElsewhere", "unpack_image"]

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class UnpackingElsewhere(Conflict):
    """Another process is unpacking into the same folder."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was unpacked.

    Attributes:
        folder: where.
        notes: what could not be kept, for a person: owners, device nodes.
    """

    folder: Path
    notes: tuple[str, ...]


def unpack_image(
    store: Store, manifest: Digest, folder: Path, check: Callable[[], None] = lambda: None
) -> Unpacked:
    """Write the tree of an image into a folder that is new or empty.

    Root keeps owners, devices and all attributes; an ordinary user gets a tree of their own.

    Args:
        store: where the image is.
        manifest: of the image.
        folder: the folder; the one that it is in must be there.
        check: called often; it may raise to stop.

    Raises:
        FolderNotEmpty: something is there.
        UnpackingElsewhere: another process is at it.
        NotFound, Corrupt: the image is not here whole.
        InvalidTar, LayerTooLarge, OutputLimit: a layer is malformed or hostile.
        DiskFull, NoPermission, StorageFailure: the disk.
    """
    with store.leases.hold(f"unpack {manifest.short}") as lease:
        lease.protect([manifest])
        layers = layer_keys(store, manifest)
        tars = [partial(open_tar, store.blobs, layer.digest) for layer in layers]
        with _new_folder(folder) as new:
            notes = write_merged(tars, new, powers_over(new), check=check)
    return Unpacked(Path(os.path.abspath(folder)), notes)


@contextmanager
def _new_folder(folder: Path) -> Iterator[int]:
    """A folder beside the place where it belongs; it takes that place when all has gone well."""
    place = Path(os.path.abspath(folder))
    if not place.name:
        raise Invalid(f"{folder} is no new folder: name one in it")
    with disk_errors(f"opening {place.parent}"):
        try:
            parent = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Invalid(f"there is no folder {place.parent}: make it first") from error
    try:
        _refuse_used(parent, place)
        name = f".{place.name}.unpacking"
        with _locked(parent, name, place) as new:
            yield new
            with disk_errors(f"writing {place}"):
                _rename(parent, name, place)
    finally:
        os.close(parent)


def _refuse_used(parent: int, place: Path) -> None:
    with disk_errors(f"looking at {place}"):
        try:
            found = os.open(place.name, _OPEN, dir_fd=parent)
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise FolderNotEmpty(f"{place} is no folder; choose another name") from error
        try:
            if os.listdir(found):
                raise FolderNotEmpty(f"{place} is not empty; choose another folder, or empty it")
        finally:
            os.close(found)


@contextmanager
def _locked(parent: int, name: str, place: Path) -> Iterator[int]:
    """The folder to fill, empty; what is left of it at the end is removed."""
    with disk_errors(f"making a folder beside {place}"):
        try:
            new = lock_folder(parent, name, patience=0, waiting=lambda: None)
        except FolderBusy:
            raise UnpackingElsewhere(f"another process is unpacking into {place}; wait for it") from None
    try:
        with disk_errors(f"clearing what is left beside {place}"):
            for left in os.listdir(new):
                remove_tree(new, left)
        yield new
    except BaseException:
        remove_tree(parent, name)
        raise
    finally:
        os.close(new)


def _rename(parent: int, name: str, place: Path) -> None:
    try:
        os.rename(name, place.name, src_dir_fd=parent, dst_dir_fd=parent)
    except FileExistsError as error:
        raise FolderNotEmpty(f"{place} is not empty any more; choose another folder") from error
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EBUSY, errno.ENOTDIR):
            raise FolderNotEmpty(f"{place} cannot be replaced: something is in it or mounted there") from error
        raise
