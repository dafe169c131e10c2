from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from container_parts import FakeGround
from shale.container.containers import Containers
from shale.container.failures import CommandDenied, CommandNotFound, NoCommand, StartFailed, start_failure
from shale.container.folders import Folders
from shale.container.lifecycle import AlreadyRunning, Lifecycle
from shale.container.naming import ContainerNotFound, NameInUse, new_id
from shale.container.put_down import ContainerRunning, PutDown
from shale.container.record import ContainerRecord
from shale.container.spec import ContainerSpec
from shale.container.states import State
from shale.container.streams import Plumbing, discard
from shale.errors import NotFound
from shale.linux.boot import current_process, process_of
from shale.oci.digest import Digest
from shale.runtime import driver
from shale.runtime.driver import RuntimeFailed, Streams
from shale.store.database import Database


@dataclass
class House:
    containers: Containers
    lifecycle: Lifecycle
    put_down: PutDown
    ground: FakeGround
    root: Path

    def names(self) -> list[str]:
        return os.listdir(self.root / "containers")

    def tidy(self) -> None:
        self.put_down.tidy(self.containers.survey().abandoned)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    database = Database(tmp_path / "shale.db")
    containers = Containers(database, Folders(tmp_path))
    ground = FakeGround()
    yield House(
        containers,
        Lifecycle(containers, lambda _tx, _digest: True, ground.workshop),
        PutDown(containers, ground.workshop.driver),
        ground,
        tmp_path,
    )
    for run in ground.driver.runs:
        run.process.kill()
        run.process.wait()
    database.close()


def record(*command: str, name: str = "", remove: bool = False) -> ContainerRecord:
    spec = ContainerSpec({"Cmd": list(command), "Env": ["PATH=/bin"]}, remove=remove)
    return ContainerRecord(new_id(), name, "busybox", Digest.of(b"image"), time.time(), spec)


def plumbing(out: list[bytes] | None = None) -> Callable[[], Plumbing]:
    return lambda: Plumbing(None, discard if out is None else out.append, discard)


def until_running(house: House, key: str) -> ContainerRecord:
    while (found := house.containers.find(key)).state is not State.RUNNING:
        time.sleep(0.005)
    return found


def test_a_run_from_its_row_to_its_end(house: House) -> None:
    out: list[bytes] = []
    run = house.lifecycle.run(record("echo", "hi", name="one"), plumbing(out))
    assert run.wait() == 0
    assert (out, run.notes) == ([b"hi\n"], ("as noted",))
    after = house.containers.find("one")
    assert (after.state, after.exit_code, after.process, after.failure) == (State.EXITED, 0, None, None)
    assert after.created <= (after.started or 0) <= (after.finished or 0)
    assert house.ground.driver.deleted == [after.id]
    assert not house.containers.folders.is_held(after.id)


@pytest.mark.parametrize("tells_pid", [True, False])
def test_with_rm_nothing_is_left(house: House, tells_pid: bool) -> None:
    house.ground.driver.tells_pid = tells_pid
    assert house.lifecycle.run(record("sh", "-c", "exit 7", remove=True), plumbing()).wait() == 7
    assert house.containers.all() == []
    assert house.names() == []


def test_while_it_runs(house: House) -> None:
    run = house.lifecycle.run(record("sleep", "600", name="one"), plumbing())
    run.began()
    now = house.containers.find("one")
    assert now.state is State.RUNNING
    assert now.process == process_of(house.ground.driver.runs[0].process.pid)
    assert house.containers.folders.is_held(now.id)
    with pytest.raises(AlreadyRunning, match="one is already running"):
        house.lifecycle.start("one", plumbing())
    with pytest.raises(ContainerRunning, match='cannot remove container "one": container is running'):
        house.put_down.remove("one")
    run.signal(signal.SIGTERM)
    assert run.wait() == 128 + signal.SIGTERM
    run.signal(signal.SIGTERM)
    run.end()
    assert house.ground.driver.runs[0].signals == [signal.SIGTERM]
    assert house.containers.find("one").exit_code == 143


def test_a_container_is_created_and_started_again_and_again(house: House) -> None:
    made = house.lifecycle.create(record("sh", "-c", "exit 3", name="one"))
    assert (made.state, made.process) == (State.CREATED, None)
    assert house.names() == [made.id]
    for _ in range(2):
        assert house.lifecycle.start("one", plumbing()).wait() == 3
        assert house.containers.find("one").state is State.EXITED
    house.put_down.remove(made.id[:4])
    assert house.containers.all() == []
    assert house.names() == []


def test_a_name_that_is_taken_leaves_no_folder(house: House) -> None:
    house.lifecycle.create(record("true", name="one"))
    with pytest.raises(NameInUse):
        house.lifecycle.run(record("true", name="one"), plumbing())
    assert len(house.names()) == 1


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        (driver.CommandNotFound("runc: nothing found"), CommandNotFound, 127),
        (driver.CommandNotExecutable("runc: permission denied"), CommandDenied, 126),
        (RuntimeFailed("no space left on device"), StartFailed, 125),
    ],
)
@pytest.mark.parametrize("remove", [False, True])
def test_a_start_that_fails(
    house: House, failure: RuntimeFailed, kind: type[StartFailed], code: int, remove: bool
) -> None:
    said = failure.message
    house.ground.driver.fail = failure
    run = house.lifecycle.run(record("nothing", name="one", remove=remove), plumbing())
    with pytest.raises(StartFailed, match=said) as raised:
        run.began()
    with pytest.raises(StartFailed):
        run.wait()
    assert type(raised.value) is kind
    assert raised.value.exit_code == code
    if remove:
        assert house.containers.all() == []
        assert house.names() == []
        return
    after = house.containers.find("one")
    assert (after.state, after.exit_code, after.failure, after.process) == (State.CREATED, code, said, None)
    house.put_down.remove("one")


def test_a_start_that_fails_before_the_runtime(house: House) -> None:
    house.ground.failure = NotFound("a layer is gone")
    run = house.lifecycle.run(record("true", name="one"), plumbing())
    with pytest.raises(StartFailed, match="a layer is gone"):
        run.began()
    house.ground.failure = None
    house.ground.driver.refuse = "there is no runc"
    with pytest.raises(StartFailed, match="there is no runc"):
        house.lifecycle.start("one", plumbing()).began()
    house.ground.driver.refuse = ""
    assert house.lifecycle.start("one", plumbing()).wait() == 0
    assert house.containers.find("one").failure is None


def test_a_command_that_is_not_there_starts_no_runtime(house: House) -> None:
    run = house.lifecycle.run(record("nowhere", name="one"), plumbing())
    with pytest.raises(CommandNotFound, match=r'exec: "nowhere": executable file not found in \$PATH'):
        run.began()
    assert house.ground.driver.runs == []
    assert house.containers.find("one").exit_code == 127


def test_what_has_run_and_cannot_be_started_again_stays_exited(house: House) -> None:
    assert house.lifecycle.run(record("true", name="one"), plumbing()).wait() == 0
    house.ground.driver.fail = driver.CommandNotExecutable("permission denied")
    with pytest.raises(CommandDenied):
        house.lifecycle.start("one", plumbing()).wait()
    after = house.containers.find("one")
    assert (after.state, after.exit_code) == (State.EXITED, 126)
    assert after.finished is not None


def test_other_kinds_of_failure() -> None:
    assert start_failure(NoCommand()).exit_code == 125
    assert type(start_failure(RuntimeFailed("operation not permitted"))) is StartFailed


def test_ended_before_it_began(house: House) -> None:
    house.ground.driver.tells_pid = False
    run = house.lifecycle.run(record("sleep", "600", name="one"), plumbing())
    run.end()
    while not house.ground.driver.runs:
        time.sleep(0.001)
    house.ground.driver.runs[0].process.kill()
    assert run.wait() == 137


def test_ended_as_soon_as_it_began(house: House) -> None:
    run = house.lifecycle.run(record("sleep", "600"), plumbing())
    run.end()
    assert run.wait() == 137


def test_removed_by_force_while_it_runs(house: House) -> None:
    run = house.lifecycle.run(record("sleep", "600", name="one"), plumbing())
    run.began()
    assert house.put_down.remove("one", force=True).name == "one"
    assert run.wait() == 137
    assert house.containers.all() == []
    assert house.names() == []
    with pytest.raises(ContainerNotFound):
        house.put_down.remove("one", force=True)


def test_removed_while_somebody_starts_it(house: House) -> None:
    house.ground.starts.clear()
    run = house.lifecycle.run(record("sleep", "600", name="one"), plumbing())
    with ThreadPoolExecutor() as pool:
        politely, by_force = (pool.submit(house.put_down.remove, "one", force=force) for force in (False, True))
        assert not wait([politely, by_force], timeout=0.5).done
        assert house.containers.find("one").state is State.CREATED
        house.ground.starts.set()
        with suppress(ContainerRunning):
            politely.result(30)
        assert by_force.result(30).name == "one"
    assert run.wait() == 137
    assert house.names() == []


def test_not_removed_when_it_runs_by_now(house: House) -> None:
    house.ground.starts.clear()
    run = house.lifecycle.run(record("sleep", "600", name="one"), plumbing())
    with ThreadPoolExecutor() as pool:
        removing = pool.submit(house.put_down.remove, "one")
        assert not wait([removing], timeout=0.5).done
        house.ground.starts.set()
        with pytest.raises(ContainerRunning):
            removing.result(30)
    run.end()
    assert run.wait() == 137


def test_removed_by_force_while_it_would_remove_itself(house: House) -> None:
    run = house.lifecycle.run(record("sleep", "600", name="one", remove=True), plumbing())
    run.began()
    house.put_down.remove("one", force=True)
    assert run.wait() == 137
    assert house.containers.all() == []
    assert house.names() == []


def test_an_orphan_is_removed_with_its_process(house: House) -> None:
    """Its supervisor was killed: nobody holds the lock, the row may not even say that it runs."""
    house.ground.driver.tells_pid = True
    made = house.lifecycle.create(record("sleep", "600", name="one"))
    with house.containers.folders.hold(made.id) as held:
        state = held.path / "runtime"
        os.close(held.part("runtime"))
        (held.path / "command").write_text("sleep 600")
        null = os.open(os.devnull, os.O_RDWR)
        house.ground.driver.run(state, made.id, held.path, held.pid_file, Streams(null, null, null))
        os.close(null)
        starter = replace(current_process(), started=0)
        house.containers.move(made, replace(made, process=starter))
    assert house.containers.find("one").state is State.RUNNING
    with pytest.raises(ContainerRunning):
        house.put_down.remove("one")
    threading.Thread(target=house.ground.driver.runs[0].process.wait, daemon=True).start()
    house.put_down.remove("one", force=True)
    assert house.ground.driver.deleted == [made.id]
    assert house.ground.driver.runs[0].process.wait() == -9
    assert house.names() == []


def test_tidying_takes_what_nobody_wants(house: House) -> None:
    dead = replace(current_process(), started=0)
    kept = house.lifecycle.create(record("true", name="kept"))
    waiting = house.lifecycle.create(record("true", name="waiting", remove=True))
    removing = house.lifecycle.create(record("true", name="removing"))
    house.containers.move(removing, replace(removing, state=State.REMOVING))
    died = house.lifecycle.create(record("true", name="died", remove=True))
    house.containers.move(died, replace(died, process=dead))
    ran = house.lifecycle.create(record("true", name="ran", remove=True))
    house.containers.move(ran, replace(ran, state=State.RUNNING, process=dead, started=1.0))
    (house.root / "containers" / ("d" * 64)).mkdir()
    with house.containers.folders.create("e" * 64):
        house.tidy()
        assert "e" * 64 in house.names()
        assert house.containers.survey().abandoned == []
    assert {one.id for one in house.containers.all()} == {kept.id, waiting.id}
    assert set(house.names()) == {kept.id, waiting.id, "e" * 64}
    house.tidy()
    assert set(house.names()) == {kept.id, waiting.id}


def test_tidying_leaves_alone_what_is_no_container(house: House) -> None:
    house.lifecycle.create(record("true", name="one"))
    folder = house.root / "containers"
    (folder / "mine").mkdir()
    (folder / "note").write_text("of a person")
    (folder / "link").symlink_to("/")
    house.tidy()
    assert {"mine", "note", "link"} < set(house.names())
    assert [one.name for one in house.containers.all()] == ["one"]


def test_tidying_a_row_whose_folder_is_gone(house: House) -> None:
    made = house.lifecycle.create(record("true", name="one"))
    house.containers.move(made, replace(made, state=State.REMOVING))
    (house.root / "containers" / made.id).rmdir()
    assert house.containers.find("one").state is State.REMOVING
    house.tidy()
    assert house.containers.all() == []
    assert house.names() == []


def test_what_somebody_is_about_to_start_is_left_alone(house: House) -> None:
    made = house.lifecycle.create(record("true", remove=True))
    house.containers.move(made, replace(made, process=replace(current_process(), started=0)))
    assert house.containers.survey().abandoned == [made.id]
    with house.containers.folders.hold(made.id):
        house.put_down.tidy([made.id])
        assert house.containers.survey().abandoned == []
    assert house.containers.find(made.id).state is State.CREATED


def test_a_start_that_is_refused_opens_nothing(house: House) -> None:
    run = house.lifecycle.run(record("sleep", "600", name="one"), plumbing())
    run.began()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(AlreadyRunning):
            house.lifecycle.start("one", plumbing())
        with pytest.raises(NameInUse):
            house.lifecycle.run(record("true", name="one"), plumbing())
    assert len(os.listdir("/proc/self/fd")) == before
    run.end()
    run.wait()


def test_many_at_once(house: House) -> None:
    runs = [
        house.lifecycle.run(record("sh", "-c", f"exit {number}", remove=number % 2 == 0), plumbing())
        for number in range(12)
    ]
    assert [run.wait() for run in runs] == list(range(12))
    assert sorted(one.exit_code or 0 for one in house.containers.all()) == [1, 3, 5, 7, 9, 11]
