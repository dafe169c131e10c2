"""The verbs of `Containers` that signal them, wait for them and take them away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from shale.container.listing import PRUNE_FILTERS, ContainerFilters, changed_bytes
from shale.container.states import State
from shale.engine.rows import ContainerRows
from shale.image.filters import parse_filters
from shale.image.instants import parse_until

__all__ = ["EndVerbs", "Pruned"]


class Pruned(NamedTuple):
    """What a prune removed.

    Attributes:
        containers: their ids.
        size: bytes of the files that they had made or changed.
    """

    containers: tuple[str, ...]
    size: int


class EndVerbs(ContainerRows):
    """Kill, stop, wait, remove, prune, rename; what `Containers` inherits."""

    def remove(self, text: str, *, force: bool = False) -> str:
        """Remove a container with its changes; its id.

        Args:
            text: the container.
            force: end it where it runs.

        Raises:
            ContainerNotFound, AmbiguousContainer: as `find`.
            ContainerRunning: it runs.
        """
        return self.runner().put_down.remove(text, force=force).id

    def prune(self, *, filters: Sequence[str] = ()) -> Pruned:
        """Remove every container that does not run.

        Args:
            filters: `until=...`, `label=...`, `label!=...`.

        Raises:
            InvalidFilter: a filter is malformed.
        """
        parsed = parse_filters(filters, PRUNE_FILTERS)
        chosen = ContainerFilters(parsed, find=self.rows.find, moment=_moment)
        gone, size = [], 0
        put_down = self.runner().put_down
        for record in self.tidied():
            if record.state in (State.CREATED, State.EXITED) and chosen.accept(record):
                freed = changed_bytes(self.rows, record.id)
                if put_down.prune(record):
                    gone.append(record.id)
                    size += freed
        return Pruned(tuple(gone), size)

    def kill(self, text: str, signal: str = "KILL") -> None:
        """Send a signal to a container's first process.

        Raises:
            ContainerNotRunning: it does not run.
            InvalidSignal: there is no such signal.
            ContainerNotFound, AmbiguousContainer: as `find`.
        """
        from shale.container.control import Control  # noqa: PLC0415 - not for lists
        from shale.container.signals import parse_signal  # noqa: PLC0415 - as above

        Control(self.rows).kill(text, parse_signal(signal))

    def stop(self, text: str, *, timeout: float = 10.0, signal: str | None = None) -> None:
        """Ask a container to end, and end it where it does not; one that does not run is fine.

        Args:
            text: the container.
            timeout: seconds that it gets; negative for ever.
            signal: that asks; by default the container's own, or SIGTERM.

        Raises:
            InvalidSignal: there is no such signal.
            ContainerNotFound, AmbiguousContainer: as `find`.
        """
        from shale.container.control import Control  # noqa: PLC0415 - not for lists
        from shale.container.signals import parse_signal  # noqa: PLC0415 - as above

        Control(self.rows).stop(text, timeout=timeout, number=parse_signal(signal) if signal else None)

    def wait(self, text: str) -> int:
        """Wait until a container does not run; its exit code.

        Raises:
            EndUnseen: it was removed at its end, too quickly to be read.
            ContainerNotFound, AmbiguousContainer: as `find`.
        """
        from shale.container.control import Control  # noqa: PLC0415 - not for lists

        return Control(self.rows).wait(text)

    def rename(self, text: str, name: str) -> None:
        """Give a container another name.

        Raises:
            InvalidName, NameInUse: the name.
            ContainerNotFound, AmbiguousContainer: as `find`.
        """
        self.rows.rename(self.find(text), name)


def _moment(text: str) -> float:
    """The time that a filter `until=` means, seconds since the epoch."""
    return parse_until(text, time.time_ns()) / 1e9
