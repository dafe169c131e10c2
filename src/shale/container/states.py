"""The states of a container, and the one table of what may follow what.

A row's state is what was written last; what is true is read in `seeing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from shale.errors import Conflict

__all__ = ["NEXT", "UNKNOWN_EXIT", "State", "StateChanged", "check_move"]

UNKNOWN_EXIT: Final = 255
"""The exit code of a process whose end nobody saw."""


class State(Enum):
    """What a container's row says of it; docker's words."""

    CREATED = "created"
    """Nothing has run in it yet; where the row names a process, somebody is starting it."""
    RUNNING = "running"
    """Its first process was started, and the row names it."""
    EXITED = "exited"
    """Its first process has ended; where the row names a process, somebody is starting it again."""
    REMOVING = "removing"
    """It is being taken away, and never comes back."""


NEXT: Final[Mapping[State, frozenset[State]]] = {
    # To itself: a start that failed leaves its reason, one that begins its process.
    State.CREATED: frozenset({State.CREATED, State.RUNNING, State.REMOVING}),
    State.RUNNING: frozenset({State.EXITED, State.REMOVING}),
    State.EXITED: frozenset({State.EXITED, State.RUNNING, State.REMOVING}),
    State.REMOVING: frozenset(),
}
"""What may follow a state."""


class StateChanged(Conflict):
    """A container is not in the state that the caller saw: somebody else was quicker."""


def check_move(container: str, was: State, to: State) -> None:
    """Refuse a step that the table does not have.

    Raises:
        StateChanged: there is no such step.
    """
    if to not in NEXT[was]:
        raise StateChanged(f"container {container} is {was.value}: it cannot become {to.value}")
