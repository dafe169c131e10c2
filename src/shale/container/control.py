"""What can be done to a running container from any process: signal it, stop it, wait for its end."""

from __future__ import annotations

import signal
import time
from typing import Final

from shale.container.containers import Containers
from shale.container.naming import ContainerNotFound
from shale.container.record import ContainerRecord
from shale.container.signals import InvalidSignal, parse_signal
from shale.container.states import State
from shale.errors import Conflict, NotFound
from shale.linux.pidfd import signal_process, wait_for_end

__all__ = ["ContainerNotRunning", "Control", "EndUnseen"]

_GLANCE: Final = 0.005
"""Seconds between two looks at a container whose end is about to be written down."""


class ContainerNotRunning(Conflict):
    """A signal was for a container that does not run."""

    def __init__(self, record: ContainerRecord) -> None:
        super().__init__(f"cannot kill container: {record.name}: container {record.id} is not running")


class EndUnseen(NotFound):
    """A container was removed before anybody could read how it ended."""


class Control:
    """Signals containers and waits for them."""

    def __init__(self, containers: Containers) -> None:
        """Prepare.

        Args:
            containers: the rows.
        """
        self._containers = containers

    def kill(self, text: str, number: int = signal.SIGKILL) -> ContainerRecord:
        """Send a signal to the first process of a container; after SIGKILL, wait until it is gone.

        Args:
            text: the container.
            number: of the signal.

        Raises:
            ContainerNotFound, AmbiguousContainer: see `Containers.find`.
            ContainerNotRunning: there is no process.
        """
        record = self._containers.find(text)
        if record.state is not State.RUNNING or record.process is None:
            raise ContainerNotRunning(record)
        try:
            signal_process(record.process, number)
        except ProcessLookupError:
            raise ContainerNotRunning(record) from None
        if number == signal.SIGKILL:
            wait_for_end(record.process)
        return record

    def stop(self, text: str, *, timeout: float = 10.0, number: int | None = None) -> ContainerRecord:
        """Ask a container to end, and end it where it does not; one that does not run is fine.

        Args:
            text: the container.
            timeout: seconds to wait; negative for ever.
            number: of the signal that asks; by default the image's or the container's own, or SIGTERM.

        Raises:
            ContainerNotFound, AmbiguousContainer: see `Containers.find`.
        """
        record = self._containers.find(text)
        if record.state is not State.RUNNING or record.process is None:
            return record
        try:
            signal_process(record.process, number or _asking(record))
            if not wait_for_end(record.process, None if timeout < 0 else timeout):
                signal_process(record.process, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._await_end(record)
        return record

    def wait(self, text: str) -> int:
        """Wait until a container does not run; its exit code, 0 where it never ran.

        Raises:
            ContainerNotFound, AmbiguousContainer: see `Containers.find`.
            EndUnseen: it was removed at its end, too quickly to be read.
        """
        ended = self._await_end(self._containers.find(text))
        if ended is None:
            raise EndUnseen(f"container {text} was removed at its end, before its exit code could be read")
        return ended.exit_code or 0

    def _await_end(self, record: ContainerRecord) -> ContainerRecord | None:
        """The container as it is when it does not run any more; None where it is gone by then."""
        seen = record
        while seen.state is State.RUNNING:
            if seen.process is None or wait_for_end(seen.process):
                time.sleep(_GLANCE)
            try:
                seen = self._containers.find(record.id)
            except ContainerNotFound:
                return None
        return seen


def _asking(record: ContainerRecord) -> int:
    """The signal that asks a container to end; docker's default where its image names none that exists."""
    wish = record.spec.config.get("StopSignal")
    try:
        return parse_signal(wish) if wish else signal.SIGTERM
    except InvalidSignal:
        return signal.SIGTERM
