"""The states of a container, and the one table of what may follow what.

A row's state is what was written last. What is true is read from the row, from the process that it names, and
from whether somebody is at work on the container (see `truth`): whoever starts, supervises or removes one holds
the lock of its folder, and the kernel lets go of that when they die, however they die.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from shale.errors import Conflict

__all__ = ["NEXT", "UNKNOWN_EXIT", "State", "StateChanged", "check_move", "truth"]

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


def truth(written: State, *, alive: bool | None, held: bool) -> State:
    """What a container is, from what was written and what can be seen.

    Args:
        written: the state of the row.
        alive: whether the first process runs; None where that cannot be known from here.
        held: whether somebody who lives holds the container's lock: they will write what comes next.
    """
    if written is State.REMOVING or held:
        return written
    if written is State.RUNNING:
        return State.EXITED if alive is False else State.RUNNING
    # Whoever started it died between the start and the row.
    return State.RUNNING if alive else written
