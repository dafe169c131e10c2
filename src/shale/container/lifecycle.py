"""Creating and starting containers.

    row (created, its image kept) -> folder -> mounts -> bundle -> runtime -> row (running) -> row (exited)

From before the row until the end of a run the lock of the folder is held, so whoever finds it free knows that
what the row says is all that will be said.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from msgspec.structs import replace

from shale.container.containers import Containers
from shale.container.folders import HeldFolder
from shale.container.ports import Workshop
from shale.container.record import ContainerRecord
from shale.container.states import State
from shale.container.streams import Plumbing
from shale.container.supervision import Supervision
from shale.errors import Conflict, ShaleError
from shale.linux.boot import current_process
from shale.oci.digest import Digest
from shale.store.database import Transaction

__all__ = ["AlreadyRunning", "Lifecycle"]


class AlreadyRunning(Conflict):
    """A container that should be started runs."""


class Lifecycle:
    """Brings containers into being, and to life."""

    def __init__(
        self, containers: Containers, is_whole: Callable[[Transaction, Digest], bool], workshop: Workshop
    ) -> None:
        """Prepare.

        Args:
            containers: the rows and folders.
            is_whole: whether an image and all that it needs are here; see `Content.is_whole`.
            workshop: what containers are started with.
        """
        self._containers = containers
        self._is_whole = is_whole
        self._workshop = workshop

    def create(self, record: ContainerRecord) -> ContainerRecord:
        """Make a container, and start nothing.

        Args:
            record: what it should be; with an empty name it gets a random one.

        Raises:
            InvalidName, NameInUse, NotFound: see `Containers.add`.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        with self._containers.folders.create(record.id) as held:
            return self._add(record, held)

    def run(self, record: ContainerRecord, plumbing: Callable[[], Plumbing]) -> Supervision:
        """Make a container and start it, with nothing in between that others could see.

        Args:
            record: as `create`.
            plumbing: makes what its streams lead through; closed with the end of the run.

        Raises:
            ShaleError: as `create`; what happens afterwards `Supervision.began` tells.
        """
        with ExitStack() as lock:
            held = lock.enter_context(self._containers.folders.create(record.id))
            added = self._add(replace(record, process=current_process()), held)
            return self._supervise(plumbing(), held, added, lock.pop_all())

    def start(self, text: str, plumbing: Callable[[], Plumbing]) -> Supervision:
        """Start a container that was created, or has ended.

        Args:
            text: its id, name or the beginning of its id.
            plumbing: as `run`.

        Raises:
            ContainerNotFound, AmbiguousContainer: see `Containers.find`.
            AlreadyRunning: it runs.
            ContainerBusy, StateChanged: somebody else is about to start or remove it.
        """
        record = self._containers.find(text)
        if record.state is State.RUNNING:
            raise _running(record)
        with ExitStack() as lock:
            held, now = lock.enter_context(self._containers.held(record.id))
            if now.state is State.RUNNING:
                raise _running(now)
            starting = self._containers.move(now, replace(now, process=current_process(), failure=None))
            return self._supervise(plumbing(), held, starting, lock.pop_all())

    def _add(self, record: ContainerRecord, held: HeldFolder) -> ContainerRecord:
        try:
            return self._containers.add(record, self._is_whole)
        except ShaleError:
            self._containers.folders.remove(held)
            raise

    def _supervise(
        self, plumbing: Plumbing, held: HeldFolder, record: ContainerRecord, lock: ExitStack
    ) -> Supervision:
        return Supervision(self._containers, self._workshop, plumbing, held, record, lock)


def _running(record: ContainerRecord) -> AlreadyRunning:
    return AlreadyRunning(f"container {record.name} is already running")
