"""Holding all processes of a control group still for a moment, and never for longer than this program lives.

Specification: the kernel's admin-guide/cgroup-v2 "cgroup.freeze", admin-guide/cgroup-v1/freezer-subsystem.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shale.errors import Conflict
from shale.linux.cgroup import Cgroups

__all__ = ["CannotFreeze", "frozen"]

_PATIENCE: Final = 10.0
_GLANCE: Final = 0.002
_GUARD: Final = (
    "import sys\n"
    "sys.stdin.buffer.read()\n"
    "try:\n"
    "    with open(sys.argv[1], 'w') as switch: switch.write(sys.argv[2])\n"
    "except OSError: pass\n"
)
"""Lets the group go on when its standard input ends, which it does when we die, however that happens."""


class CannotFreeze(Conflict):
    """A control group has no switch that stops it, or does not stop."""


@dataclass(frozen=True, slots=True)
class _Switch:
    """How a group is stopped: what is written where, and where is read that it has."""

    switch: Path
    stop: str
    go: str
    state: Path
    stopped: str

    def is_stopped(self) -> bool:
        return self.stopped in self.state.read_text(encoding="ascii").splitlines()


@contextmanager
def frozen(cgroups: Cgroups, path: str) -> Iterator[None]:
    """Keep the processes of a control group from running.

    Args:
        cgroups: the trees.
        path: of the group, from the root of each tree.

    Raises:
        CannotFreeze: it has no such switch, or its processes do not stop.
    """
    switch = next(iter(_switches(cgroups, path)), None)
    if switch is None:
        what = f"the control group {path}" if path else "a container without a control group of its own"
        raise CannotFreeze(f"{what} cannot be held still; try again with --pause=false")
    with _guarded(switch):
        try:
            switch.switch.write_text(switch.stop, encoding="ascii")
            _wait(switch, path)
            yield
        finally:
            with suppress(OSError):  # its processes have been killed meanwhile
                switch.switch.write_text(switch.go, encoding="ascii")


def _switches(cgroups: Cgroups, path: str) -> Sequence[_Switch]:
    found = []
    for tree in cgroups.hierarchies if path.strip("/") else ():
        folder = Path(tree.mount + path)
        if tree.unified:
            found.append(_Switch(folder / "cgroup.freeze", "1", "0", folder / "cgroup.events", "frozen 1"))
        elif "freezer" in tree.controllers:
            state = folder / "freezer.state"
            found.append(_Switch(state, "FROZEN", "THAWED", state, "FROZEN"))
    # On a machine with both, processes are in the trees of version 1: those first.
    return sorted(
        (one for one in found if one.switch.exists()), key=lambda one: one.switch == one.state, reverse=True
    )


def _wait(switch: _Switch, path: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not switch.is_stopped():
        if time.monotonic() >= deadline:
            raise CannotFreeze(f"the processes in the control group {path} do not stop")
        time.sleep(_GLANCE)


@contextmanager
def _guarded(switch: _Switch) -> Iterator[None]:
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, str(switch.switch), switch.go],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert guard.stdin is not None
    try:
        yield
    finally:
        guard.stdin.close()
        guard.wait()
