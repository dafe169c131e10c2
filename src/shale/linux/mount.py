"""Mounting: the door to all of it.

What is mounted comes as a descriptor of a detached mount, which has no path: it can be read by way of the
descriptor, be a layer of an overlay, or be attached to a place. Descriptors are O_PATH: to list a directory
open `.` below it.

Specification: overlayfs and erofs in the kernel's Documentation/filesystems.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from shale.linux.fscontext import FilesystemContext
from shale.linux.loop import loop_device
from shale.linux.mounterrors import (
    MountBusy,
    MountDenied,
    MountLimit,
    MountRefused,
    MountUnsupported,
    NoSuchPlace,
)
from shale.linux.overlaymount import MOST_LOWERS, mount_overlay
from shale.linux.places import attach, bind, change, clone, mounted_at, unmount
from shale.linux.privatemounts import in_private_mounts

__all__ = [
    "MOST_LOWERS",
    "MountBusy",
    "MountDenied",
    "MountLimit",
    "MountRefused",
    "MountUnsupported",
    "NoSuchPlace",
    "attach",
    "bind",
    "change",
    "clone",
    "in_private_mounts",
    "mount_erofs",
    "mount_image",
    "mount_overlay",
    "mounted_at",
    "unmount",
]

_READ_ONLY: Final = 1


def mount_erofs(file: int) -> int:
    """Mount an EROFS image, read-only, nowhere.

    Args:
        file: descriptor of the image, open for reading; it may be closed, and the image unlinked, afterwards.

    Returns:
        A descriptor (O_PATH) of the root.

    Raises:
        MountDenied: not root in the first user namespace.
        MountUnsupported: no EROFS in this kernel.
        MountRefused: the image is damaged, or newer than the kernel.
    """
    # The kernel opens the path itself: its link in /proc names exactly this file, whatever it is called.
    try:
        return mount_image(f"/proc/self/fd/{file}")
    except MountUnsupported as unsupported:
        cause = unsupported.__cause__
        if not isinstance(cause, OSError) or cause.errno != errno.ENOTBLK:
            raise
    device = loop_device(file)
    try:
        return mount_image(f"/proc/self/fd/{device}")
    finally:
        os.close(device)


def mount_image(source: str) -> int:
    """Mount the EROFS image that a path of ours names: a file, or a block device."""
    with FilesystemContext("erofs", "mounting a layer") as context:
        context.flag("ro")
        context.string("source", source)
        return context.mount(_READ_ONLY)
