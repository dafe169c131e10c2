"""Mounting an overlay of directories.

Newer kernels take each layer as a descriptor, detached mounts too. Older ones want paths in the mount
namespace of whoever mounts, so there the layers get places: in a mount namespace of its own, on an empty
file system in memory, so that nobody sees them and nothing has to be cleaned up.

Specification: Documentation/filesystems/overlayfs.rst; layers by descriptor are of Linux 6.13, detached
mounts as layers of 6.15.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from shale.linux.fscontext import FilesystemContext
from shale.linux.mounterrors import MountLimit, MountRefused, mount_errors
from shale.linux.places import attach, clone
from shale.linux.privatemounts import in_private_mounts
from shale.linux.syscall import library

__all__ = ["MOST_LOWERS", "Overlay", "by_descriptors", "by_places", "mount_overlay"]

MOST_LOWERS: Final = 500
"""Lower directories of one overlay: the kernel's own limit."""

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DOING: Final = "mounting an overlay"
_READ_ONLY: Final = 1
_NO_SET_ID: Final = 2
_NO_DEVICES: Final = 4
_MERGED: Final = "merged"
_KERNELS: Final = "work"
"""What the kernel keeps in a work directory."""
_NEVER_SYNCED: Final = "incompat"
"""In there: that what was written may never have reached the disk (overlayfs.rst, "Volatile mount")."""


class Overlay(msgspec.Struct, frozen=True):
    """What to mount: descriptors of directories, lowers topmost first; `upper` and `work` both or neither."""

    lowers: Sequence[int]
    upper: int | None = None
    work: int | None = None
    user: bool = False
    volatile: bool = False

    @property
    def flags(self) -> Sequence[str]:
        """Options without a value."""
        volatile = self.volatile and self.upper is not None
        return ("userxattr",) * self.user + ("volatile",) * volatile

    @property
    def options(self) -> Sequence[tuple[str, str]]:
        """Options that do not depend on how distributions have set their kernels."""
        return (("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off"), ("xino", "on"))

    @property
    def attributes(self) -> int:
        """What cannot be written is there to be looked at: nothing in it gets anybody further."""
        return _READ_ONLY | _NO_SET_ID | _NO_DEVICES if self.upper is None else 0


def mount_overlay(
    lowers: Sequence[int],
    upper: int | None = None,
    work: int | None = None,
    *,
    user: bool = False,
    volatile: bool = False,
) -> int:
    """Mount an overlay, nowhere.

    Inode numbers are unique in it, and stay when a file is copied up, though its layers are file systems of
    their own (xino): as docker's are, and as `tar`, `du -x` and `tail -F` expect. Folders are never moved by
    reference (redirect_dir), so that what is in the upper directory says by itself what has changed.

    Args:
        lowers: descriptors of directories, the topmost first; detached mounts too. Where this fails, and on
            kernels before 6.15, detached mounts among them are used up: they can only be closed then.
        upper: of the directory that takes what is written; without one the overlay is read-only, set-id bits
            and device nodes have no effect, and there must be two lower ones.
        work: of an empty directory of the same file system; where there is an upper one.
        user: whether marks are in `user.overlay.*` instead of `trusted.overlay.*`: in user namespaces.
        volatile: whether writes need never reach the disk: a crash may lose the whole upper directory.

    Returns:
        A descriptor (O_PATH) of the root.

    Raises:
        MountLimit: more lower directories than the kernel takes, or no room for one more mount.
        MountDenied: neither root nor in a user namespace of one's own.
        MountUnsupported: no overlay in this kernel.
        MountRefused: a directory cannot be a layer: one that is an overlay with an upper directory itself, or
            is on a file system without what overlay needs.
    """
    if len(lowers) > MOST_LOWERS:
        raise MountLimit(
            f"{_DOING}: {len(lowers)} layers are more than the {MOST_LOWERS} that the kernel takes"
        )
    overlay = Overlay(lowers, upper, work, user, volatile)
    used = _is_used_up(overlay)
    try:
        return by_descriptors(overlay)
    except MountRefused as refused:
        # What an older kernel does not know, and what no kernel takes, have one number.
        if refused.number != errno.EINVAL:
            raise
        if not used:
            _forget_try(overlay)
        try:
            return by_places(overlay)
        except MountRefused:
            raise refused from None


def _is_used_up(overlay: Overlay) -> bool:
    """Whether a mount that is never synced was made with this work directory: there is no second one."""
    if overlay.work is None:
        return False
    try:
        os.stat(f"{_KERNELS}/{_NEVER_SYNCED}", dir_fd=overlay.work, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _forget_try(overlay: Overlay) -> None:
    """Take away the mark of a mount that was refused: the kernel makes it before it looks at the lowers."""
    if overlay.work is None or not overlay.volatile:
        return
    from shale.linux.removal import remove_tree  # noqa: PLC0415 - hardly ever needed

    try:
        inside = os.open(_KERNELS, _FOLDER, dir_fd=overlay.work)
    except FileNotFoundError:
        return
    try:
        remove_tree(inside, _NEVER_SYNCED)
    finally:
        os.close(inside)


def by_descriptors(overlay: Overlay) -> int:
    """Mount as Linux 6.15 can; the arguments and errors are those of `mount_overlay`."""
    with FilesystemContext("overlay", _DOING) as context:
        for lower in overlay.lowers:
            context.descriptor("lowerdir+", lower)
        if overlay.upper is not None and overlay.work is not None:
            context.descriptor("upperdir", overlay.upper)
            context.descriptor("workdir", overlay.work)
        for flag in overlay.flags:
            context.flag(flag)
        for key, value in overlay.options:
            context.string(key, value)
        return context.mount(overlay.attributes)


def by_places(overlay: Overlay) -> int:
    """Mount as any kernel since 5.2 can; the arguments and errors are those of `mount_overlay`."""
    return in_private_mounts(lambda: _mount_in_private(overlay))


def _mount_in_private(overlay: Overlay) -> int:
    with _empty_folder() as folder, mount_errors(_DOING):
        # Short names, relative to a current folder that only this thread has: all options fit in one page.
        os.fchdir(folder)
        for number, lower in enumerate(overlay.lowers):
            _place(lower, str(number))
        parts = [f"lowerdir={':'.join(map(str, range(len(overlay.lowers))))}"]
        if overlay.upper is not None and overlay.work is not None:
            _place(overlay.upper, "upper")
            _place(overlay.work, "work")
            parts.append("upperdir=upper,workdir=work")
        parts += [*overlay.flags, *map("=".join, overlay.options)]
        os.mkdir(_MERGED)
        options = ",".join(parts).encode()
        library("mount", b"overlay", _MERGED.encode(), b"overlay", overlay.attributes, options)
        return clone(_MERGED)


@contextmanager
def _empty_folder() -> Iterator[int]:
    """A file system in memory, mounted over the root: there is always one, and lookups pass under it."""
    with FilesystemContext("tmpfs", _DOING) as context:
        folder = context.mount()
    try:
        attach(folder, "/")
        yield folder
    finally:
        os.close(folder)


def _place(layer: int, name: str) -> None:
    """Give a layer a name in the current folder: a detached mount its place, a directory a link to its path.

    A descriptor of a directory leads into the mount namespace where it was opened, which will not do here.
    """
    os.mkdir(name)
    try:
        attach(layer, name)
    except MountRefused:
        os.rmdir(name)
        os.symlink(os.readlink(f"/proc/self/fd/{layer}"), name)
        if not os.path.samestat(os.stat(name), os.fstat(layer)):
            raise
