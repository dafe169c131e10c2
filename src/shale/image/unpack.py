"""Unpacking: the merged tree of an image in a folder, without mounting anything; root need not be asked.

The folder appears whole or not at all: it is filled under another name beside its place and renamed. A kill
leaves that other one, locked by nobody, and the next unpacking to the same place clears it away.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shale.errors import Conflict, Denied, Invalid
from shale.image.layerkeys import image_config_of, layer_keys
from shale.linux.durable import disk_errors, make_folder, write_file
from shale.linux.idmap import read_tables
from shale.linux.removal import remove_tree
from shale.oci.config import Execution
from shale.oci.digest import Digest
from shale.oci.document import encode_document
from shale.snapshot.blobtar import open_tar
from shale.snapshot.copying import FolderNotEmpty, powers_over, write_merged
from shale.snapshot.entries import OpenTar
from shale.store.locked import FolderBusy, lock_folder
from shale.store.store import Store

__all__ = ["LeftByOthers", "Unpacked", "UnpackingElsewhere", "unpack_image"]

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class UnpackingElsewhere(Conflict):
    """Another process is unpacking into the same folder."""


class LeftByOthers(Denied):
    """Where the folder would be filled there is one of another user."""


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
    store: Store,
    manifest: Digest,
    folder: Path,
    *,
    bundle: bool = False,
    check: Callable[[], None] = lambda: None,
) -> Unpacked:
    """Write the tree of an image into a folder that is new or empty.

    Root keeps owners, devices and all attributes; an ordinary user gets a tree of their own.

    Args:
        store: where the image is.
        manifest: of the image.
        folder: the folder; the one that it is in must be there.
        bundle: whether the tree is put into `rootfs` in the folder, with a `config.json` beside it.
        check: called often; it may raise to stop.

    Raises:
        FolderNotEmpty: something is there.
        UnpackingElsewhere: another process is at it.
        LeftByOthers: another user has made a folder that is in the way.
        NotFound, Corrupt: the image is not here whole.
        InvalidTar, LayerTooLarge, OutputLimit: a layer is malformed or hostile.
        InvalidUser, InvalidProcess: for a bundle, what the image says of its process makes no sense.
        DiskFull, NoPermission, StorageFailure: the disk.
    """
    with store.leases.hold(f"unpack {manifest.short}") as lease:
        lease.protect([manifest])
        layers = layer_keys(store, manifest)
        tars = [partial(open_tar, store.blobs, layer.digest) for layer in layers]
        with _new_folder(folder) as new:
            if bundle:
                notes = _write_bundle(store, manifest, tars, new, check)
            else:
                notes = write_merged(tars, new, powers_over(new), check=check)
    return Unpacked(Path(os.path.abspath(folder)), notes)


def _write_bundle(
    store: Store, manifest: Digest, tars: Sequence[OpenTar], folder: int, check: Callable[[], None]
) -> tuple[str, ...]:
    """An OCI bundle (runtime-spec bundle.md): the tree, and how to run it."""
    from shale.runtime.host import examine_host  # noqa: PLC0415 - most unpacking makes no bundle
    from shale.runtime.standalone import standalone_spec  # noqa: PLC0415 - as above

    with disk_errors("making a bundle"):
        root = make_folder(folder, "rootfs", durable=False)
    try:
        powers = powers_over(root)
        notes = write_merged(tars, root, powers, check=check)
        owner = None if powers.give else _owner()
        config = image_config_of(store, manifest).config or Execution()
        spec, more = standalone_spec(config, root, examine_host(), manifest.short, owner)
    finally:
        os.close(root)
    with disk_errors("writing a bundle's config.json"):
        write_file(folder, "config.json", encode_document(spec), mode=0o644, durable=False)
    return (*notes, *more)


def _owner() -> tuple[int, int]:
    """Whose the tree is, outside of a user namespace that has one user only: there the bundle will be run."""
    users, groups = read_tables()
    user, group = os.geteuid(), os.getegid()
    return users.outside(user) or user, groups.outside(group) or group


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
        _refuse_strangers(new, place.parent / name)
    except BaseException:
        os.close(new)
        raise
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


def _refuse_strangers(new: int, path: Path) -> None:
    """Refuse a folder that was there and is somebody else's: they could put files into the tree."""
    if os.fstat(new).st_uid != os.geteuid():
        raise LeftByOthers(f"{path} is in the way, and another user's; remove it, or choose another place")


def _rename(parent: int, name: str, place: Path) -> None:
    try:
        os.rename(name, place.name, src_dir_fd=parent, dst_dir_fd=parent)
    except FileExistsError as error:
        raise FolderNotEmpty(f"{place} is not empty any more; choose another folder") from error
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EBUSY, errno.ENOTDIR):
            raise FolderNotEmpty(f"{place} cannot be replaced: something is in it or mounted there") from error
        raise
