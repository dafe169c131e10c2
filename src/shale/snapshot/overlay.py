"""The layers of a chain on top of each other, as overlay shows them: read-only, or with a place for changes.

Overlay merges the roots of its layers in ways of its own: it shows the topmost one's mode, owner and times
whether or not a layer says anything of its root, does not look whether a root is opaque, and shows the
whiteouts of a layer that is alone. This is where that is put right.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import msgspec

from shale.errors import Unsupported
from shale.linux.durable import disk_errors
from shale.linux.fscontext import FilesystemContext
from shale.linux.mount import MOST_LOWERS, mount_overlay
from shale.linux.xattr import get_xattr, get_xattrs, set_xattr

__all__ = ["Stack", "TooManyLayers", "stack_of"]

_MOST_LAYERS: Final = MOST_LOWERS - 1
"""One directory more is sometimes needed."""


class TooManyLayers(Unsupported):
    """A chain has more layers than overlay takes."""

    def __init__(self, layers: int) -> None:
        super().__init__(
            f"the image has {layers} layers, and the kernel stacks {_MOST_LAYERS} at most: build it with fewer"
        )


class _Root(msgspec.Struct, frozen=True):
    """What a layer says of the root; the default is what one has that says nothing."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    xattrs: Mapping[bytes, bytes] = msgspec.field(default_factory=dict)


class Stack:
    """Directories on top of each other, and the root that they show together.

    Args:
        lowers: descriptors, the topmost first.
        roots: what each layer of the chain says of the root, those included that are hidden.
        user: see `stack_of`.
    """

    def __init__(self, lowers: Sequence[int], roots: Sequence[_Root], *, user: bool) -> None:
        self._lowers = lowers
        self._root = next((root for root in roots if root != _Root()), _Root())
        # Overlay shows the topmost root; and a layer that is alone would show its whiteouts.
        self._covered = not roots or roots[0] != self._root
        self._user = user

    def view(self) -> int:
        """Mount it read-only, nowhere.

        Returns:
            A descriptor (O_PATH) of the root; the mount is gone when it is closed, unless it was attached.

        Raises:
            MountDenied, MountUnsupported, MountRefused, MountLimit: it cannot be mounted.
        """
        if not self._covered and len(self._lowers) > 1:
            return mount_overlay(self._lowers, user=self._user)
        with _empty(self._root) as empty, ExitStack() as held:
            lowers = self._lowers or (held.enter_context(_empty(self._root)),)
            return mount_overlay((empty, *lowers) if self._covered else (*lowers, empty), user=self._user)

    def mount(self, upper: int, work: int, *, volatile: bool = False) -> int:
        """Mount it so that changes go to an upper directory, nowhere; as `view`.

        The first time, when nothing was ever changed, the upper directory is given the root's mode, owner,
        time and attributes.

        Args:
            upper: of the directory for changes.
            work: of a directory of ours beside it, empty the first time, for overlay alone.
            volatile: whether changes need not survive a power cut; then they may be lost as a whole.

        Raises:
            NoPermission, DiskFull, StorageFailure: the upper directory cannot be written.
        """
        with disk_errors("preparing the folder for a container's changes"):
            if not _entries(work) and not _entries(upper):
                _dress(upper, self._root)
        with ExitStack() as held:
            lowers = self._lowers or (held.enter_context(_empty(self._root)),)
            return mount_overlay(lowers, upper, work, user=self._user, volatile=volatile)


def stack_of(layers: Sequence[int], *, user: bool = False) -> Stack:
    """Stack the roots of layers.

    Args:
        layers: descriptors of the directories, the topmost first. They stay the caller's, and must stay open
            until the stack is mounted. None at all is an image without layers.
        user: whether they say in `user.overlay.*` what is removed: in a user namespace.

    Raises:
        TooManyLayers: there are more than 499.
    """
    opaque = (b"user" if user else b"trusted") + b".overlay.opaque"
    lowers = list(layers)
    for number, layer in enumerate(layers):
        # Overlay does not look for this at the root of a layer.
        if get_xattr(layer, opaque) == b"y":
            del lowers[number + 1 :]
            break
    if len(lowers) > _MOST_LAYERS:
        raise TooManyLayers(len(lowers))
    return Stack(lowers, [_root_of(layer) for layer in layers], user=user)


def _root_of(layer: int) -> _Root:
    facts = os.fstat(layer)
    marks = (b"trusted.overlay.", b"user.overlay.")
    xattrs = {name: value for name, value in get_xattrs(layer).items() if not name.startswith(marks)}
    return _Root(stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid, facts.st_mtime_ns, xattrs)


def _entries(folder: int) -> list[str]:
    """What is in a folder, though its descriptor may be O_PATH."""
    opened = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.listdir(opened)
    finally:
        os.close(opened)


@contextmanager
def _empty(root: _Root) -> Iterator[int]:
    """An empty directory with the root's attributes: a file system of its own, in memory."""
    with FilesystemContext("tmpfs", "mounting an empty folder") as context:
        folder = context.mount()
    try:
        _dress(folder, root)
        yield folder
    finally:
        os.close(folder)


def _dress(folder: int, root: _Root) -> None:
    """Give a directory the attributes of the root; those that the file system does not keep it goes without."""
    place = f"/proc/self/fd/{folder}"
    with suppress(OSError):  # an owner that this user namespace does not have
        os.chown(place, root.uid, root.gid)
    os.chmod(place, root.mode)
    for name, value in root.xattrs.items():
        with suppress(OSError):
            set_xattr(folder, name, value)
    os.utime(place, ns=(root.mtime, root.mtime))
