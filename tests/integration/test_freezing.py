"""Holding a control group still, and letting it go again whatever happens to us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shale.linux.cgroup import Cgroups, read_cgroups, remove_cgroup
from shale.linux.freezing import CannotFreeze, frozen

HOLDER = """
import sys, time
from shale.linux.cgroup import read_cgroups
from shale.linux.freezing import frozen
with frozen(read_cgroups(), sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def group() -> Iterator[str]:
    """A control group in every tree, as a container has one."""
    path = f"/shale-test-{os.urandom(6).hex()}"
    cgroups = read_cgroups()
    for tree in cgroups.hierarchies:
        Path(tree.mount + path).mkdir()
    yield path
    remove_cgroup(cgroups, path)


@pytest.fixture
def counter(group: str, tmp_path: Path) -> Iterator[Callable[[], int]]:
    """How far a process in the group has counted."""
    file = tmp_path / "count"
    program = f"n=0; while :; do n=$((n+1)); echo $n > {file}.new; mv {file}.new {file}; sleep 0.005; done"
    process = subprocess.Popen(["sh", "-c", program])
    for tree in read_cgroups().hierarchies:
        if tree.unified or tree.controllers != frozenset({"cpuset"}):
            Path(f"{tree.mount}{group}/cgroup.procs").write_text(str(process.pid), encoding="ascii")

    def count() -> int:
        return int(file.read_text() or 0)

    try:
        until(file.exists)
        yield count
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_group_stands_still_and_goes_on(group: str, counter: Callable[[], int]) -> None:
    with frozen(read_cgroups(), group):
        before = counter()
        time.sleep(0.1)
        assert counter() == before
    until(lambda: counter() > before)


def test_a_group_goes_on_when_its_holder_is_killed(group: str, counter: Callable[[], int]) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, group], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    before = counter()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    until(lambda: counter() > before + 2)


def test_what_cannot_be_held_is_told() -> None:
    for cgroups, path in ((read_cgroups(), ""), (read_cgroups(), "/shale-test-none"), (Cgroups(()), "/x")):
        with pytest.raises(CannotFreeze, match="cannot be held still"), frozen(cgroups, path):
            pass
