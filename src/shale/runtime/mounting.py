"""Mounting files and folders into a container's root before the runtime starts.

Each target is found or made inside the root by descriptor, and what belongs there is attached to that very
descriptor: nothing that the image holds, or that another container renames meanwhile, leads a mount elsewhere
(CVE-2021-30465, CVE-2022-23648). Targets go from the root downwards, so that one may lie in another.

Called in the mount namespace in which the root file system is mounted. What is below /dev, /proc and /sys
becomes a part of the spec (`LateMount`): the runtime mounts these folders itself, freshly.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from shale.errors import Invalid, NotFound
from shale.linux.durable import disk_errors
from shale.linux.fscontext import FilesystemContext
from shale.linux.mount import attach, change, clone
from shale.runtime.firstprocess import absolute
from shale.runtime.inside import RUNTIME_FOLDERS, InvalidPlace, Kind, spot
from shale.runtime.spec import LateMount
from shale.runtime.wishes import BindMount, MountWish, Propagation, TmpfsMount, VolumeMount

__all__ = ["InvalidMount", "Mounter", "SourceMissing"]

_ATTRIBUTES: Final = {"nosuid": 2, "nodev": 4, "noexec": 8}
_OPPOSITES: Final = {"suid": "nosuid", "dev": "nodev", "exec": "noexec"}
_RUNTIME_PREFIXES: Final = tuple(f"/{name.decode()}" for name in RUNTIME_FOLDERS)


class InvalidMount(Invalid):
    """A mount cannot be made as it was asked for."""


class SourceMissing(NotFound):
    """The source of a bind mount is not on the host."""


class _Sorted(msgspec.Struct, frozen=True):
    target: str
    wish: MountWish


class Mounter:
    """Mounts into one root, and remembers what it had to make there.

    Attributes:
        made: mount points that were made, from the root.
        late: what is left for the runtime.
    """

    def __init__(self, root: int, volume: Callable[[str, int, VolumeMount], int]) -> None:
        """Prepare.

        Args:
            root: descriptor of the root folder, opened in this mount namespace.
            volume: called with a target, a descriptor of what the image has there, and the wish; gives a
                descriptor of the volume's folder, which is closed here.
        """
        self._root = root
        self._volume = volume
        self.made: list[bytes] = []
        self.late: list[LateMount] = []

    def folders_of_the_runtime(self) -> None:
        """Make sure that /dev, /proc and /sys are folders, and nothing that leads elsewhere (CVE-2023-27561).

        Raises:
            InvalidPlace: one of them is something else.
        """
        for name in RUNTIME_FOLDERS:
            try:
                found = os.stat(name, dir_fd=self._root, follow_symlinks=False)
            except FileNotFoundError:
                with disk_errors(f"making /{name.decode()} in the container"):
                    os.mkdir(name, 0o755, dir_fd=self._root)
                self.made.append(b"/" + name)
            else:
                if not stat.S_ISDIR(found.st_mode):
                    raise InvalidPlace(
                        f"the image's /{name.decode()} is not a folder; such an image cannot run"
                    )

    def file(self, source: int, target: str, *, read_only: bool) -> None:
        """Show a file of ours.

        Args:
            source: its descriptor.
            target: where, absolute.
            read_only: whether the container may not write to it: it is on the host's disk.
        """
        with spot(self._root, target.encode(), Kind.FILE) as place:
            self._attach(clone(source), place.descriptor, read_only=read_only)
            self.made += place.made

    def all(self, wishes: Sequence[MountWish]) -> None:
        """Make all mounts that were asked for.

        Raises:
            InvalidMount: two at one place, or one that cannot be.
            InvalidPlace: a target leads nowhere.
            SourceMissing: a source is not there.
            MountDenied, MountUnsupported, MountRefused, DiskFull, NoPermission: the kernel says so.
        """
        ordered = sorted(
            (_Sorted(_target(wish), wish) for wish in wishes), key=lambda one: one.target.count("/")
        )
        seen = set[str]()
        for one in ordered:
            if one.target in seen:
                raise InvalidMount(f"duplicate mount point: {one.target}")
            seen.add(one.target)
            if one.target.startswith(tuple(f"{prefix}/" for prefix in _RUNTIME_PREFIXES)):
                self.late.append(_late(one.target, one.wish))
            else:
                self._mount(one.target, one.wish)

    def _mount(self, target: str, wish: MountWish) -> None:
        if isinstance(wish, BindMount):
            self._bind(target, wish)
            return
        with spot(self._root, os.fsencode(target), Kind.FOLDER) as place:
            self.made += place.made
            if isinstance(wish, TmpfsMount):
                self._attach(_tmpfs(wish), place.descriptor, read_only=wish.read_only)
                return
            folder = self._volume(target, place.descriptor, wish)
            try:
                # What an image has there comes with its device nodes.
                self._attach(clone(folder), place.descriptor, read_only=wish.read_only, no_devices=True)
            finally:
                os.close(folder)

    def _bind(self, target: str, wish: BindMount) -> None:
        source = _open_source(wish)
        try:
            kind = Kind.FOLDER if stat.S_ISDIR(os.fstat(source).st_mode) else Kind.FILE
            with spot(self._root, os.fsencode(target), kind) as place:
                self.made += place.made
                copy = clone(source, recursive=wish.recursive)
                slave = wish.propagation in (Propagation.SLAVE, Propagation.RSLAVE)
                self._attach(copy, place.descriptor, read_only=wish.read_only, slave=slave)
        finally:
            os.close(source)

    @staticmethod
    def _attach(
        mount: int, place: int, *, read_only: bool = False, no_devices: bool = False, slave: bool = False
    ) -> None:
        try:
            change(mount, read_only=read_only, no_devices=no_devices, slave=slave)
            attach(mount, place)
        finally:
            os.close(mount)


def _target(wish: MountWish) -> str:
    target = absolute(wish.target)
    if "\0" in target:
        raise InvalidMount(f"the mount point {wish.target[:200]!r} has a NUL byte in it")
    if target == "/" or target in _RUNTIME_PREFIXES:
        raise InvalidMount(f"nothing can be mounted on {target} of a container")
    return target


def _open_source(wish: BindMount) -> int:
    if not wish.source.startswith("/") or "\0" in wish.source:
        raise InvalidMount(f"the source {wish.source[:200]!r} of a bind mount is not an absolute path")
    try:
        return os.open(wish.source, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        if not wish.create:
            raise SourceMissing(f"bind source path does not exist: {wish.source}") from None
    except OSError as error:
        raise SourceMissing(
            f"the source {wish.source} of a bind mount cannot be used: {error.strerror}"
        ) from error
    with disk_errors(f"making the folder {wish.source}"):
        os.makedirs(wish.source, 0o755, exist_ok=True)
    return os.open(wish.source, os.O_PATH | os.O_CLOEXEC)


def _tmpfs(wish: TmpfsMount) -> int:
    quiet, values = _tmpfs_options(wish)
    with FilesystemContext("tmpfs", f"mounting a tmpfs on {wish.target}") as context:
        context.string("source", "tmpfs")
        for option in values:
            key, _, value = option.partition("=")
            context.string(key, value)
        return context.mount(sum(_ATTRIBUTES[name] for name in quiet))


def _tmpfs_options(wish: TmpfsMount) -> tuple[list[str], list[str]]:
    """What holds of the mount (nosuid, nodev and noexec unless taken back), and of the file system."""
    quiet = dict.fromkeys(_ATTRIBUTES, True)
    values = [f"mode={wish.mode:o}"]
    if wish.size is not None:
        values.append(f"size={wish.size}")
    for option in wish.options:
        if option in _OPPOSITES:
            quiet[_OPPOSITES[option]] = False
        elif option in quiet:
            quiet[option] = True
        elif option.startswith(("uid=", "gid=", "nr_inodes=")):
            values.append(option)
        else:
            raise InvalidMount(f"the option {option[:60]!r} of the tmpfs on {wish.target} is not known")
    return [name for name, on in quiet.items() if on], values


def _late(target: str, wish: MountWish) -> LateMount:
    if isinstance(wish, BindMount):
        os.close(_open_source(wish))
        access = ("ro", "rro") if wish.read_only else ("rw",)
        kind = "rbind" if wish.recursive else "bind"
        return LateMount(target, wish.source, "bind", (kind, wish.propagation.value, *access))
    if isinstance(wish, TmpfsMount):
        quiet, values = _tmpfs_options(wish)
        access = ("ro",) if wish.read_only else ("rw",)
        return LateMount(target, "tmpfs", "tmpfs", (*quiet, *values, *access))
    raise InvalidMount(f"a volume cannot be at {target}, below a folder of the kernel")
