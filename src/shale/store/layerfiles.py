"""The folder `layers/`: files and folders that were made from blobs, and can be made again.

What is in it is made in `.new-KEY/`, locked by its maker, and moved to its name in one rename. What goes is
renamed to `.gone-RANDOM` first, so that it is gone at once, however large it is, and removed after that. A
kill anywhere leaves a `.new-` without a living holder or a `.gone-`, which `sweep` removes.

Format: docs/formats.md "layers".
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Self

from shale.errors import Unavailable
from shale.linux.durable import disk_errors, make_folder, sync_folder
from shale.linux.removal import remove_tree
from shale.oci.digest import DiffID
from shale.store.locked import FolderBusy, lock_folder, try_lock

__all__ = ["LayerBusy", "LayerFiles", "Workplace", "layer_name"]

_NEW: Final = ".new-"
_GONE: Final = ".gone-"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LayerBusy(Unavailable):
    """Another process has been making the same layer mountable for longer than we wait."""


def layer_name(diff_id: DiffID, form: str) -> str:
    """The name of a layer in a form: `sha256-HEX.erofs`."""
    return f"{diff_id.algorithm}-{diff_id.encoded}.{form}"


class Workplace:
    """A folder in which one layer is made, locked by us; a context manager that leaves nothing of it.

    Attributes:
        folder: its descriptor.
    """

    def __init__(self, parent: int, name: str, folder: int) -> None:
        self.folder = folder
        self._parent = parent
        self._name = name
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def keep(self) -> int:
        """Let it stay for as long as the descriptor that is returned is open; `sweep` removes it afterwards."""
        self._open = False
        return self.folder

    def close(self) -> None:
        """Remove the folder with what is left in it, and let go of the lock; what cannot be removed stays."""
        if self._open:
            self._open = False
            with suppress(OSError):
                remove_tree(self._parent, self._name)
            os.close(self.folder)


class LayerFiles:
    """The folder of mountable layers of one store. Safe to use from threads and processes.

    Attributes:
        folder: its descriptor; it stays ours.
    """

    def __init__(self, root: int) -> None:
        """Open the folder below a root, making it where it is missing.

        Args:
            root: descriptor of the store's folder; it stays the caller's.
        """
        with disk_errors("opening the store's layers"):
            self.folder = make_folder(root, "layers", durable=False)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.folder)

    def workplace(
        self, key: str, *, patience: float = 600.0, waiting: Callable[[], None] = lambda: None
    ) -> Workplace:
        """An empty folder to make something in; use it as a context manager.

        Args:
            key: says what is made: two who want the same do it one after the other.
            patience: seconds to wait for another process that makes the same.
            waiting: called about fifty times a second while waiting; it may raise to stop.

        Raises:
            LayerBusy: the other process took longer.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        name = _NEW + key
        with disk_errors(f"making a folder for layer {key}"):
            try:
                folder = lock_folder(self.folder, name, patience=patience, waiting=waiting)
            except FolderBusy:
                raise LayerBusy(
                    f"another process has been making {key} mountable for more than {patience:.0f} seconds; "
                    "look for a stopped shale process"
                ) from None
            try:
                for left in os.listdir(folder):  # by a process that was killed
                    remove_tree(folder, left)
            except BaseException:
                os.close(folder)
                raise
        return Workplace(self.folder, name, folder)

    def place(self, workplace: Workplace, made: str, name: str) -> None:
        """Move what was made to its name; what has that name goes away."""
        with disk_errors(f"naming layer {name}"):
            try:
                os.rename(made, name, src_dir_fd=workplace.folder, dst_dir_fd=self.folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                self._set_gone(name)  # a folder that is not empty cannot be replaced
                os.rename(made, name, src_dir_fd=workplace.folder, dst_dir_fd=self.folder)

    def holds(self, name: str) -> bool:
        """Whether there is something of that name."""
        try:
            os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Bytes of a file; of a folder, what its own entries take, which is next to nothing."""
        with suppress(FileNotFoundError):
            return os.stat(name, dir_fd=self.folder, follow_symlinks=False).st_size
        return 0

    def sync(self) -> None:
        """Make the names durable."""
        with disk_errors("writing the store's layers"):
            sync_folder(self.folder)

    def set_gone(self, name: str) -> None:
        """Take a layer away at once; `sweep` frees its room. A missing one is fine."""
        with disk_errors(f"removing layer {name}"):
            self._set_gone(name)

    def _set_gone(self, name: str) -> None:
        gone = _GONE + os.urandom(12).hex()
        with suppress(FileNotFoundError):
            os.rename(name, gone, src_dir_fd=self.folder, dst_dir_fd=self.folder)

    def sweep(self) -> None:
        """Remove what is gone, and what dead processes were making; what this user may not remove stays."""
        for name in os.listdir(self.folder):
            with suppress(OSError):
                if name.startswith(_GONE):
                    remove_tree(self.folder, name)
                elif name.startswith(_NEW):
                    with self._left(name) as is_left:
                        if is_left:
                            remove_tree(self.folder, name)

    def unfinished(self) -> list[str]:
        """What is gone but still takes room, and what dead processes were making."""
        found = []
        for name in os.listdir(self.folder):
            with suppress(OSError):
                if name.startswith(_NEW):
                    with self._left(name) as is_left:
                        found += [name] if is_left else []
                elif name.startswith(_GONE):
                    found.append(name)
        return found

    @contextmanager
    def _left(self, name: str) -> Iterator[bool]:
        """Whether a workplace has no maker any more; inside, nobody can become its maker."""
        folder = os.open(name, _FOLDER, dir_fd=self.folder)
        try:
            yield try_lock(self.folder, name, folder)
        finally:
            os.close(folder)

    def __iter__(self) -> Iterator[str]:
        """The names of all finished layers, in no order."""
        return (name for name in os.listdir(self.folder) if not name.startswith("."))
