"""A handle on one container: what `Containers.create`, `get` and `temporary` give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Unpack

import msgspec

from shale.container.record import ContainerRecord
from shale.engine.runoptions import StreamOptions

if TYPE_CHECKING:
    from shale.engine.started import RunResult, Started

__all__ = ["Container", "ContainerVerbs"]


class ContainerVerbs(Protocol):
    """What a handle needs of `Containers`."""

    def find(self, text: str) -> ContainerRecord:
        """The container as it is."""

    def start(self, text: str, **streams: Unpack[StreamOptions]) -> Started:
        """Start it."""

    def remove(self, text: str, *, force: bool = False) -> str:
        """Remove it."""


class Container(msgspec.Struct, frozen=True):
    """One container of a store.

    Attributes:
        id: 64 hexadecimal digits.
    """

    _verbs: ContainerVerbs
    id: str

    def __repr__(self) -> str:
        return f"Container(id={self.id!r})"

    @property
    def record(self) -> ContainerRecord:
        """The container as it is now.

        Raises:
            ContainerNotFound: it is gone.
        """
        return self._verbs.find(self.id)

    @property
    def name(self) -> str:
        """Its name now; errors as `record`."""
        return self.record.name

    def start(self, **streams: Unpack[StreamOptions]) -> Started:
        """Start it; see `Containers.start`."""
        return self._verbs.start(self.id, **streams)

    def run(self, **streams: Unpack[StreamOptions]) -> RunResult:
        """Start it and wait for its end; see `Containers.start` for what may be given and what may go wrong."""
        with self.start(**streams) as started:
            return started.wait()

    def remove(self, *, force: bool = False) -> None:
        """Remove it with its changes; see `Containers.remove`."""
        self._verbs.remove(self.id, force=force)
