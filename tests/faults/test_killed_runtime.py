"""Killed at random: shale, the runtime, the container's first process. What is left goes with one `delete`."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_ground import Box, leftovers, make_root
from shale.runtime.crun_runc import OciRuntime, Program
from shale.runtime.driver import Running, RuntimeFailed, Streams
from shale.runtime.wishes import RunWishes, TmpfsMount, VolumeMount

pytestmark = pytest.mark.peer

RUNC = OciRuntime(Program("runc", "/usr/sbin/runc", ""), os.environ)
WISHES = RunWishes(mounts=(TmpfsMount(target="/scratch"), VolumeMount(target="/data")))
SLEEPER = RunWishes(args=("sleep", "1000"), mounts=WISHES.mounts)
GUEST = """
import os, sys
from pathlib import Path
from container_ground import Box
from shale.runtime.crun_runc import OciRuntime, Program
from shale.runtime.wishes import decode_wishes
box = Box(OciRuntime(Program("runc", "/usr/sbin/runc", ""), os.environ), Path(sys.argv[1]), id=sys.argv[2])
sys.exit(box.run(wishes=decode_wishes(sys.argv[3])).code)
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    make_root(tmp_path / "container/rootfs")
    box = Box(RUNC, tmp_path / "container")
    yield box
    RUNC.delete(box.state, box.id)
    assert settled(box) == []


def settled(box: Box) -> list[str]:
    """What is left, once processes that were killed are gone."""
    for _ in range(100):
        if not (left := leftovers(box)):
            break
        time.sleep(0.05)
    return left


def start(box: Box, wishes: RunWishes = SLEEPER) -> Running:
    with open(os.devnull, "r+b") as null:
        number = null.fileno()
        running, _ = box.start(wishes, Streams(number, number, number))
    return running


def pid_of(box: Box) -> int:
    """The first process, as soon as there is one."""
    for _ in range(1000):
        if box.pid_file.exists() and (text := box.pid_file.read_text()):
            return int(text)
        time.sleep(0.01)
    raise AssertionError("the container did not begin")


def lives(pid: int) -> bool:
    """Whether a process still does something; what nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def runtime_of(box: Box) -> int:
    """The process of the program that runs the container."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"run" in words and box.id.encode() in words:
                return int(entry.name)
    raise AssertionError("the runtime does not run")


def test_a_killed_first_process_is_an_exit_code(box: Box) -> None:
    running = start(box)
    os.kill(pid_of(box), signal.SIGKILL)
    assert running.wait() == 137


def test_a_killed_runtime_is_told_and_its_container_goes(box: Box) -> None:
    running = start(box)
    pid = pid_of(box)
    os.kill(runtime_of(box), signal.SIGKILL)
    with pytest.raises(RuntimeFailed, match="SIGKILL"):
        running.wait()
    assert lives(pid)
    RUNC.delete(box.state, box.id)
    assert settled(box) == []
    assert not lives(pid)


def test_deleting_what_runs_ends_it(box: Box) -> None:
    running = start(box)
    pid_of(box)
    codes = list[int]()
    waiting = threading.Thread(target=lambda: codes.append(running.wait()))
    waiting.start()
    RUNC.delete(box.state, box.id)
    waiting.join(20)
    assert codes == [137]


def test_deleting_what_never_was(box: Box) -> None:
    RUNC.delete(box.state, box.id)
    box.state.mkdir()
    RUNC.delete(box.state, box.id)


@pytest.mark.parametrize("damage", ["empty", "cut", "gone", "folder gone"])
def test_state_that_was_lost(box: Box, damage: str) -> None:
    start_and_lose = start(box)
    pid = pid_of(box)
    os.kill(runtime_of(box), signal.SIGKILL)
    with pytest.raises(RuntimeFailed):
        start_and_lose.wait()
    state = box.state / box.id / "state.json"
    if damage == "empty":
        state.write_bytes(b"")
    elif damage == "cut":
        state.write_bytes(state.read_bytes()[:100])
    elif damage == "gone":
        state.unlink()
    else:
        state.unlink()
        state.parent.rmdir()
    try:
        RUNC.delete(box.state, box.id)
    except RuntimeFailed as failure:
        assert "trouble" in failure.message  # noqa: PT017 - it may complain, once
    assert settled(box) == []
    assert not lives(pid)


def test_signals_reach_the_first_process(box: Box) -> None:
    script = "trap 'exit 3' TERM; trap 'exit 4' USR1; while :; do sleep 0.05; done"
    for number, code in ((signal.SIGTERM, 3), (signal.SIGUSR1, 4)):
        running = start(box, RunWishes(args=("sh", "-c", script)))
        pid_of(box)
        time.sleep(0.2)  # until the shell has set its traps
        running.signal(number)
        assert running.wait() == code
        running.signal(number)
        RUNC.delete(box.state, box.id)


def test_processes_that_are_left_behind_go_with_the_first(box: Box) -> None:
    script = "sleep 1000 & sleep 1001 & (trap '' TERM HUP; sleep 1002) & exit 5"
    assert box.run("sh", "-c", script).code == 5


@pytest.mark.parametrize("victim", ["shale", "runtime"])
@pytest.mark.parametrize("seed", range(8))
def test_a_kill_at_any_instant(box: Box, victim: str, seed: int) -> None:
    """From before the bundle is written until the container runs."""
    patience = random.Random(seed).uniform(0.0, 0.45)
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    wishes = '{"args": ["sleep", "1000"], "mounts": [{"type": "volume", "target": "/data"}]}'
    process = subprocess.Popen(
        [sys.executable, "-c", GUEST, str(box.folder), box.id, wishes], env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        time.sleep(patience)
        if victim == "runtime":
            try:
                os.kill(runtime_of(box), signal.SIGKILL)
            except AssertionError:
                process.kill()  # too early for a runtime: then it is shale after all
        else:
            process.kill()
    finally:
        process.kill()
        process.communicate()
    RUNC.delete(box.state, box.id)
    assert settled(box) == []
    assert box.run("sh", "-c", "ls /data; exit 6").code == 6
