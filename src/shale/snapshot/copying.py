"""The form `copying`: no layer is kept mountable; the merged tree of a chain is written out where it is wanted.

It needs no privilege and no mount. An ordinary user gets a tree of their own files, of the modes that the
layers say; owners, device nodes and some attributes are for root, and what is left out is told.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shale.errors import Conflict
from shale.layer.apply import TreeWriter
from shale.layer.limits import LayerLimits
from shale.layer.rules import ApplyRules, Whiteouts
from shale.linux.durable import disk_errors
from shale.linux.removal import remove_tree
from shale.snapshot.entries import OpenTar

__all__ = ["FolderNotEmpty", "Powers", "powers_over", "write_merged"]

_PIECE: Final = 1 << 20


class FolderNotEmpty(Conflict):
    """Something is in the folder that an image should be unpacked into."""


@dataclass(frozen=True, slots=True)
class Powers:
    """What whoever runs this may do to files.

    Attributes:
        give: whether files can be given to other owners.
        make_devices: whether device nodes can be made.
    """

    give: bool
    make_devices: bool


def powers_over(folder: int) -> Powers:
    """Find out by trying, in an empty folder.

    Raises:
        NoPermission, DiskFull, StorageFailure: it cannot be written at all.
    """
    name = f".try-{os.urandom(8).hex()}"
    # A namespace with a single user has root too, but nobody else to give files to.
    mapped = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text("ascii").splitlines())
    make_devices = False
    with disk_errors("looking at what may be written"), suppress(PermissionError):
        os.mknod(name, stat.S_IFCHR | 0o600, os.makedev(1, 3), dir_fd=folder)
        make_devices = True
        os.unlink(name, dir_fd=folder)
    return Powers(os.geteuid() == 0 and mapped > 1, make_devices)


def write_merged(
    tars: Sequence[OpenTar],
    folder: int,
    powers: Powers,
    *,
    limits: LayerLimits | None = None,
    check: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Write the merged tree of a chain: its layers, one after the other, in one folder.

    Args:
        tars: the layers, the bottom one first; each is read once.
        folder: descriptor of an empty folder. Where this fails it is empty again, as far as possible.
        powers: what may be done; see `powers_over`.
        limits: of each layer.
        check: called often; it may raise to stop.

    Returns:
        What could not be kept, for a person.

    Raises:
        FolderNotEmpty: something is in it.
        InvalidTar, LayerTooLarge: a layer is malformed or hostile.
        DiskFull, NoPermission, StorageFailure: the disk.
    """
    rules = ApplyRules(
        Whiteouts.REMOVE,
        keep_owner=powers.give,
        make_devices=powers.make_devices,
        limits=limits or LayerLimits(),
    )
    with disk_errors("reading the folder to unpack into"):
        if os.listdir(folder):
            raise FolderNotEmpty("the folder to unpack into is not empty; choose another, or empty it")
    try:
        with disk_errors("writing the folder to unpack into"):
            if powers.give:
                os.fchown(folder, 0, 0)
            os.fchmod(folder, 0o755)
            os.utime(folder, ns=(0, 0))
        notes = [note for tar in tars for note in _apply(tar, folder, rules, check)]
    except BaseException:
        with suppress(OSError):
            for name in os.listdir(folder):
                remove_tree(folder, name)
        raise
    return tuple(dict.fromkeys(notes))


def _apply(tar: OpenTar, folder: int, rules: ApplyRules, check: Callable[[], None]) -> tuple[str, ...]:
    with tar() as stream, TreeWriter(folder, rules) as writer:
        while piece := stream.read(_PIECE):
            check()
            writer.feed(piece)
        return writer.finish().notes
