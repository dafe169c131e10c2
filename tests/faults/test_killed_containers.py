"""shale or a first process killed while containers run and go: what is listed is true, and all of it can go."""

from __future__ import annotations

import glob
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.image_work import copy, open_engine
from faults.killer import Casualty, kill_at_each_call, kill_at_random_instants
from faults.run_work import IMAGE
from faults.test_killed_images import assert_sound
from peers.layout import LayoutImage
from shale.container.states import State
from shale.engine.engine import Engine

pytestmark = [pytest.mark.peer, pytest.mark.slow]
GROUPS = ("/sys/fs/cgroup/*/shale-{}", "/sys/fs/cgroup/shale-{}")


@pytest.fixture(scope="module")
def template(busybox_image: LayoutImage, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("template") / "root"
    with open_engine(root) as engine:
        (image,) = engine.images.load(busybox_image.layout)
        engine.images.tag(str(image.target), IMAGE)
        engine.containers.run(IMAGE, "true")  # the runtime is tried and the layer made once, not in each run
    return str(root)


def until(true: Callable[[], bool], what: object) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def groups(container: str) -> list[str]:
    return [found for pattern in GROUPS for found in glob.glob(pattern.format(container))]


def processes(container: str) -> set[str]:
    """The processes in a container's control groups."""
    found: set[str] = set()
    for group in groups(container):
        try:
            found |= set(Path(group, "cgroup.procs").read_text().split())
        except (FileNotFoundError, OSError):
            continue
    return found


def runtimes(root: Path) -> list[str]:
    """Command lines of processes that work on the containers of a store."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            line = Path(path).read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(root) in line:
            found.append(line)
    return found


def assert_true(engine: Engine, message: object) -> None:
    """What is listed comes to agree with what there is, and stays so."""
    root = engine.settings.root
    for record in engine.containers.rows.all():

        def agrees(key: str = record.id) -> bool:
            seen = [one for one in engine.containers.rows.all() if one.id == key]
            if not seen:
                return not processes(key)
            return (seen[0].state is State.RUNNING) == bool(processes(key) or runtimes(root))

        until(agrees, (message, record, processes(record.id), runtimes(root)))


def assert_removable(engine: Engine, message: object) -> None:
    """Everything can go, and nothing is left of it."""
    root = engine.settings.root
    keys = {*engine.containers.rows.folders.ids(), *(one.id for one in engine.containers.rows.all())}
    for record in engine.containers.tidied():
        engine.containers.remove(record.id, force=True)
    assert engine.containers.tidied() == [], message
    assert os.listdir(root / "containers") == [], message
    until(lambda: not any(groups(key) for key in keys), (message, keys))
    until(lambda: not runtimes(root), (message, runtimes(root)))
    assert str(root) not in Path("/proc/mounts").read_text(), message
    assert_sound(engine.store, message)


def assert_survived(casualty: Casualty, *, removes: bool = False) -> None:
    assert not casualty.error, casualty.error
    with open_engine(casualty.root) as engine:
        assert_true(engine, casualty)
        if removes:
            # A container with --rm is gone as soon as somebody looks who sees that it has ended.
            until(lambda: not runtimes(casualty.root), casualty)
            assert engine.containers.list(all_states=True) == [], casualty
            assert os.listdir(casualty.root / "containers") == [], casualty
        elif casualty.said:
            assert engine.containers.find("kept").exit_code == 0
        assert_removable(engine, casualty)
        # The store and the name are as good as before.
        assert engine.containers.run(IMAGE, "echo", "again", name="kept").stdout == b"again\n"


COPY = "faults.image_work:copy"


def test_a_run_killed_at_every_call(template: str, tmp_path: Path) -> None:
    casualties = list(
        kill_at_each_call("faults.run_work:run_and_keep", tmp_path, prepare=COPY, args=(template,))
    )
    for casualty in casualties:
        assert_survived(casualty)
    assert not casualties[-1].killed
    assert casualties[-1].said == ("ran",)
    assert len(casualties) > 15


def test_a_run_with_rm_killed_at_every_call(template: str, tmp_path: Path) -> None:
    for casualty in kill_at_each_call(
        "faults.run_work:run_and_remove", tmp_path, prepare=COPY, args=(template,)
    ):
        assert_survived(casualty, removes=True)


@pytest.mark.parametrize("remove", [False, True])
def test_a_run_killed_at_any_instant(template: str, tmp_path: Path, remove: bool) -> None:
    work = "run_and_remove" if remove else "run_and_keep"
    for casualty in kill_at_random_instants(
        f"faults.run_work:{work}", tmp_path, times=25, seed=21, prepare=COPY, args=(template,)
    ):
        assert_survived(casualty, removes=remove)


def test_a_start_killed_at_any_instant(template: str, tmp_path: Path) -> None:
    for casualty in kill_at_random_instants(
        "faults.run_work:start_again", tmp_path, times=12, seed=22,
        prepare="faults.run_work:prepare_removal", args=(template,),
    ):  # fmt: skip
        assert not casualty.error, casualty.error
        with open_engine(casualty.root) as engine:
            assert_true(engine, casualty)
            assert engine.containers.find("made").state is State.CREATED
            assert_removable(engine, casualty)


def test_a_removal_killed_at_every_call(template: str, tmp_path: Path) -> None:
    count = 0
    for casualty in kill_at_each_call(
        "faults.run_work:remove", tmp_path, prepare="faults.run_work:prepare_removal",
        args=(template,),
    ):  # fmt: skip
        assert not casualty.error, casualty.error
        with open_engine(casualty.root) as engine:
            here = {one.name for one in engine.containers.tidied()}
            assert not here & set(casualty.said)
            for record in engine.containers.tidied():
                assert record.state in (State.CREATED, State.EXITED), casualty
            assert_removable(engine, casualty)
        count += 1
    assert count > 10


@pytest.fixture
def one_store(template: str, tmp_path: Path) -> Iterator[Engine]:
    copy(tmp_path / "root", template)
    with open_engine(tmp_path / "root") as engine:
        yield engine
        assert_removable(engine, "after all")


def test_a_first_process_killed_at_any_instant(one_store: Engine) -> None:
    chance = random.Random(23)
    root = one_store.settings.root
    for number in range(12):
        argv = [sys.executable, "-m", "shale", "--root", str(root), "run", "--name", f"c{number}", IMAGE]
        child = subprocess.Popen([*argv, "sh", "-c", "while :; do :; done & sleep 600"])
        try:
            until(lambda: bool(one_store.containers.rows.all()), "no row")
            (record,) = one_store.containers.rows.all()
            until(lambda key=record.id: bool(processes(key)), "no process")  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.1))
            for process in sorted(processes(record.id), key=int)[:1]:
                os.kill(int(process), signal.SIGKILL)
            code = child.wait(60)
        finally:
            child.kill()
            child.wait()
        assert code in (125, 137)
        ended = one_store.containers.find(record.id)
        assert ended.state is (State.EXITED if code == 137 else State.CREATED), (code, ended)
        assert not processes(record.id)
        one_store.containers.remove(record.id)
        assert not groups(record.id)
