"""Putting containers down and taking them away, whole, whatever a killed process has left of them.

    running -> exited -> removing -> (process, cgroup, runtime's state, folder: in this order) -> no row

A kill in between leaves a row that says `removing`, and whoever sees it next goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from shale.container.containers import Containers
from shale.container.folders import PATIENCE, ContainerBusy, HeldFolder
from shale.container.launch import STATE
from shale.container.naming import ContainerNotFound
from shale.container.record import ContainerRecord
from shale.container.states import State
from shale.errors import Conflict
from shale.linux.pidfd import signal_process, wait_for_end
from shale.runtime.driver import Driver, RuntimeFailed

__all__ = ["ContainerRunning", "PutDown"]

_PATIENCE: Final = 30.0
"""Seconds until a process that was killed is gone."""
_GLANCE: Final = 0.2
"""Seconds to wait for a lock before looking whether the container runs by now."""


class ContainerRunning(Conflict):
    """A container cannot be removed while it runs."""

    def __init__(self, record: ContainerRecord) -> None:
        super().__init__(
            f'cannot remove container "{record.name}": container is running: stop the container before '
            "removing or force remove"
        )


class PutDown:
    """Ends and removes containers."""

    def __init__(self, containers: Containers, driver: Callable[[], Driver]) -> None:
        """Prepare.

        Args:
            containers: the rows and folders.
            driver: gives the runtime; asked for only where one has left something.
        """
        self._containers = containers
        self._driver = driver

    def after_run(self, held: HeldFolder, record: ContainerRecord) -> None:
        """Clear away what a run left; with `--rm` the whole container.

        Args:
            held: its folder.
            record: as its row is now.
        """
        self._end(held)
        if record.spec.remove:
            self._take_away(held, record)

    def remove(self, text: str, *, force: bool = False) -> ContainerRecord:
        """Remove a container.

        Args:
            text: its id, name or the beginning of its id.
            force: end it where it runs.

        Raises:
            ContainerNotFound, AmbiguousContainer: see `Containers.find`.
            ContainerRunning: it runs, and `force` was not given.
            ContainerBusy: somebody else is at work on it and does not come to an end.
        """
        record = self._containers.find(text)
        deadline = time.monotonic() + PATIENCE
        with suppress(ContainerNotFound):  # with --rm, or by another remover: gone is gone
            while not self._try_to_remove(record, force=force, last=time.monotonic() >= deadline):
                record = self._containers.find(record.id)
        return record

    def _try_to_remove(self, record: ContainerRecord, *, force: bool, last: bool) -> bool:
        """Remove a container, or do not: somebody holds it who may be about to start it."""
        if record.state is State.RUNNING:
            if not force:
                raise ContainerRunning(record)
            self._kill(record)
        try:
            with self._containers.held(record.id, patience=_GLANCE) as (held, now):
                if now.state is State.RUNNING and not force:
                    raise ContainerRunning(now)
                self._end(held)
                self._take_away(held, self._containers.settled(held))
        except ContainerBusy:
            if last:
                raise
            return False
        return True

    def prune(self, record: ContainerRecord) -> bool:
        """Remove a container that does not run; false where somebody is at work on it, or it is gone."""
        with (
            suppress(ContainerBusy, ContainerNotFound),
            self._containers.held(record.id, patience=0) as (held, now),
        ):
            if now.state is not State.RUNNING:
                self._end(held)
                self._take_away(held, now)
                return True
        return False

    def tidy(self, abandoned: Sequence[str]) -> None:
        """Remove what killed processes left half removed, and containers with `--rm` whose end nobody saw.

        Args:
            abandoned: what `Containers.survey` found.
        """
        folders = self._containers.folders
        for container in abandoned:
            with suppress(ContainerBusy), folders.create(container, patience=0) as held:
                # Before the row is settled: that somebody died over it is what tells.
                if not self._containers.is_abandoned(held):
                    continue
                self._end(held)
                try:
                    record = self._containers.settled(held)
                except ContainerNotFound:
                    folders.remove(held)
                else:
                    self._take_away(held, record)

    def _kill(self, record: ContainerRecord) -> None:
        if record.process is None:
            return
        with suppress(ProcessLookupError):
            signal_process(record.process, signal.SIGKILL)
            wait_for_end(record.process, _PATIENCE)

    def _end(self, held: HeldFolder) -> None:
        """End every process of a container, and remove its cgroups and the runtime's state."""
        try:
            left = os.listdir(held.path / STATE)
        except FileNotFoundError:
            return
        if left:
            try:
                self._driver().delete(held.path / STATE, held.id)
            except RuntimeFailed:
                # It complained of something that it has let go of by now, or it will again.
                self._driver().delete(held.path / STATE, held.id)

    def _take_away(self, held: HeldFolder, record: ContainerRecord) -> None:
        if record.state is not State.REMOVING:
            record = self._containers.move(record, replace(record, state=State.REMOVING, process=None))
        self._containers.folders.remove(held)
        self._containers.forget(record)
