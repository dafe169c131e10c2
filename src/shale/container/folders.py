"""The folders of containers: `containers/ID/`, and the lock that says who is at work on one.

Whoever starts, supervises or removes a container holds an exclusive flock on its folder; the kernel lets go of
it when the process dies. So what a dead process left can be told from what a living one is about to do.

Format: docs/formats.md "The root".
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from shale.container.naming import ContainerNotFound
from shale.errors import Unavailable
from shale.linux.durable import disk_errors
from shale.linux.removal import remove_tree
from shale.store.locked import FolderBusy, lock_folder, try_lock

__all__ = ["PATIENCE", "ContainerBusy", "Folders", "HeldFolder", "PidNote"]

PATIENCE: Final = 60.0
"""Seconds to wait for somebody else who is at work on a container."""
_POLL: Final = 0.01
"""Seconds between two looks at a lock that somebody else holds."""
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PID: Final = "pid"
_LONGEST_PID: Final = 32
_ID: Final = re.compile(r"[0-9a-f]{64}")


class ContainerBusy(Unavailable):
    """Somebody else has been at work on the container for longer than we wait."""


class PidNote(NamedTuple):
    """What the runtime wrote of a first process.

    Attributes:
        pid: its id.
        written: when, seconds since the epoch.
    """

    pid: int
    written: float


class HeldFolder(NamedTuple):
    """The folder of one container whose lock we hold.

    Attributes:
        id: of the container.
        folder: descriptor of `containers/ID`; open until the lock is given up.
        path: the same as a path, for programs that take no descriptors.
    """

    id: str
    folder: int
    path: Path

    @property
    def pid_file(self) -> Path:
        """Where the runtime writes the id of the first process."""
        return self.path / _PID

    def part(self, name: str, mode: int = 0o700) -> int:
        """One of the folders inside, made where it is missing; the caller closes the descriptor.

        It is opened by its path, so that it belongs to the mount namespace of whoever asks: the kernel stacks
        and mounts nothing that was opened in another one.

        Args:
            name: `upper`, `work`, `rootfs` or `runtime`.
            mode: permissions of a new one.
        """
        with disk_errors(f"opening {self.path / name}"):
            with suppress(FileExistsError):
                os.mkdir(name, mode, dir_fd=self.folder)
            return os.open(self.path / name, _OPEN)

    def forget_pid(self) -> None:
        """Take away what an earlier run left, so that it cannot be taken for the next one's."""
        with suppress(FileNotFoundError):
            os.unlink(_PID, dir_fd=self.folder)


class Folders:
    """The folders of all containers of a store."""

    def __init__(self, root: Path) -> None:
        """Prepare; nothing is made or opened.

        Args:
            root: the store's folder.
        """
        self._root = root
        self._path = root / "containers"

    def path(self, container: str) -> Path:
        """The folder of one container, by its id."""
        return self._path / container

    def ids(self) -> list[str]:
        """The containers that have a folder; what has another name is not ours to look at, or to remove."""
        try:
            return [name for name in os.listdir(self._path) if _ID.fullmatch(name)]
        except FileNotFoundError:
            return []

    @contextmanager
    def create(self, container: str, *, patience: float = PATIENCE) -> Iterator[HeldFolder]:
        """Make the folder of a container where it is missing, and hold it.

        Args:
            container: its id.
            patience: seconds to wait for another holder; 0 to try once.

        Raises:
            ContainerBusy: somebody else held it all the time.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        with disk_errors(f"making the folder of container {container}"):
            self._path.mkdir(mode=0o700, exist_ok=True)
            with self._above() as above:
                try:
                    held = lock_folder(above, container, patience=patience, waiting=lambda: None)
                except FolderBusy:
                    raise _busy(container) from None
        try:
            yield HeldFolder(container, held, self.path(container))
        finally:
            os.close(held)

    @contextmanager
    def hold(self, container: str, *, patience: float = PATIENCE) -> Iterator[HeldFolder]:
        """Hold the folder of a container, waiting for whoever does.

        Args:
            container: its id.
            patience: as `create`.

        Raises:
            ContainerNotFound: it has no folder (any more).
            ContainerBusy: somebody else held it all the time.
        """
        held = self._wait(container, time.monotonic() + patience)
        try:
            yield HeldFolder(container, held, self.path(container))
        finally:
            os.close(held)

    def _wait(self, container: str, deadline: float) -> int:
        with _found(container), self._above() as above:
            while True:
                folder = os.open(container, _OPEN, dir_fd=above)
                try:
                    if try_lock(above, container, folder):
                        return folder
                except BaseException:
                    os.close(folder)
                    raise
                os.close(folder)
                if time.monotonic() >= deadline:
                    raise _busy(container)
                time.sleep(_POLL)

    def is_held(self, container: str) -> bool:
        """Whether somebody who lives is at work on a container."""
        try:
            folder = os.open(self.path(container), _OPEN)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who look do not take each other for a holder.
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(folder)
        return False

    @contextmanager
    def _above(self) -> Iterator[int]:
        folder = os.open(self._path, _OPEN)
        try:
            yield folder
        finally:
            os.close(folder)

    def pid_note(self, container: str) -> PidNote | None:
        """The process that the runtime last wrote down; None where there is none."""
        try:
            note = os.open(self.path(container) / _PID, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            text = os.read(note, _LONGEST_PID).strip()
            return PidNote(int(text), os.fstat(note).st_mtime) if text.isdigit() else None
        finally:
            os.close(note)

    def last_change(self, container: str) -> float | None:
        """When the runtime last took up or put down a process here, seconds since the epoch, if that shows."""
        try:
            return os.stat(self.path(container) / "runtime").st_mtime
        except FileNotFoundError:
            return None

    def remove(self, held: HeldFolder) -> None:
        """Remove the folder of a container, whole; one half removed is fine.

        Raises:
            NoPermission, StorageFailure: the file system.
        """
        with disk_errors(f"removing {held.path}"), self._above() as above:
            remove_tree(above, held.id)


@contextmanager
def _found(container: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ContainerNotFound(container) from None


def _busy(container: str) -> ContainerBusy:
    return ContainerBusy(f"container {container[:12]} is in use by another process; try again")
