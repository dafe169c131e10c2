"""What is true of a container: read from its row, its process, and whether somebody is at work on it.

Specification: docs/formats.md, "What a container is".
"""

from __future__ import annotations

import time
from typing import Final

from msgspec.structs import replace

from shale.container.folders import Folders
from shale.container.record import ContainerRecord
from shale.container.states import UNKNOWN_EXIT, State
from shale.linux.boot import ProcessIdentity, boot_time, is_alive, process_of

__all__ = ["as_seen", "is_unwanted"]

_SLACK: Final = 1.0
"""Seconds by which a first process may seem to have begun after its pid was written: clocks are not exact."""


def as_seen(stored: ContainerRecord, folders: Folders, *, held: bool) -> ContainerRecord:
    """A container as it is.

    Args:
        stored: its row.
        folders: where its files are.
        held: whether somebody else who lives holds its lock: then they will write what comes next.
    """
    if held or stored.process is None or stored.state is State.REMOVING:
        return stored
    alive = is_alive(stored.process)
    if stored.state is State.RUNNING:
        return _ended(stored, folders) if alive is False else stored
    # The process is whoever started it, and did not come to write more.
    note = folders.pid_note(stored.id) if alive is not None else None
    if note is None:
        return replace(stored, process=None)
    process = _first_process(note.pid, note.written)
    running = replace(
        stored, state=State.RUNNING, process=process, started=note.written, finished=None, exit_code=None
    )
    return running if process is not None else _ended(running, folders)


def is_unwanted(stored: ContainerRecord, seen: ContainerRecord) -> bool:
    """Whether a container may be taken away by anybody who gets its lock.

    Args:
        stored: its row.
        seen: as it is.
    """
    if stored.state is State.REMOVING:
        return True
    # With `--rm`: it was started, or somebody died over it, and it does not run.
    tried = seen.state is State.EXITED or stored.process is not None or stored.exit_code is not None
    return stored.spec.remove and tried and seen.state is not State.RUNNING


def _ended(record: ContainerRecord, folders: Folders) -> ContainerRecord:
    finished = folders.last_change(record.id) or time.time()
    return replace(
        record,
        state=State.EXITED,
        process=None,
        finished=max(finished, record.started or finished),
        exit_code=UNKNOWN_EXIT,
    )


def _first_process(pid: int, written: float) -> ProcessIdentity | None:
    """The process of a pid that was written down then; None where it has ended, and another has its id."""
    try:
        process = process_of(pid)
    except ProcessLookupError:
        return None
    return process if boot_time() + process.seconds <= written + _SLACK else None
