from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from shale.container.containers import Containers
from shale.container.folders import ContainerBusy, Folders
from shale.container.naming import (
    AmbiguousContainer,
    ContainerNotFound,
    InvalidName,
    NameInUse,
    check_name,
    new_id,
    random_name,
)
from shale.container.record import ContainerRecord
from shale.container.spec import ContainerSpec
from shale.container.states import NEXT, State, StateChanged, check_move
from shale.errors import NotFound
from shale.linux.boot import ProcessIdentity, boot_id, current_process, process_of
from shale.oci.digest import Digest
from shale.store.database import Database

IMAGE = Digest.of(b"image")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "shale.db")
    yield opened
    opened.close()


@pytest.fixture
def containers(database: Database, tmp_path: Path) -> Containers:
    return Containers(database, Folders(tmp_path))


@pytest.fixture
def sleeper() -> Iterator[ProcessIdentity]:
    """A process that lives as long as the test, unless the test ends it."""
    child = subprocess.Popen(["sleep", "600"])
    yield process_of(child.pid)
    child.kill()
    child.wait()


def record(**values: object) -> ContainerRecord:
    made = ContainerRecord(new_id(), "", "busybox", IMAGE, time.time(), ContainerSpec())
    return replace(made, **values)


def add(containers: Containers, **values: object) -> ContainerRecord:
    return containers.add(record(**values), lambda _tx, _digest: True)


def end(process: ProcessIdentity) -> None:
    os.kill(process.pid, 9)
    while True:
        try:
            process_of(process.pid)
        except ProcessLookupError:
            return


def dead() -> ProcessIdentity:
    child = subprocess.Popen(["sleep", "600"])
    process = process_of(child.pid)
    child.kill()
    child.wait()
    return process


def test_what_is_written_is_read(containers: Containers) -> None:
    spec = ContainerSpec({"Cmd": ["sh"], "Labels": {"a": "b"}}, '{"tty": true}', remove=True)
    made = add(containers, name="one", spec=spec)
    assert containers.find("one") == made
    assert containers.all() == [made]
    assert made.spec.command == ["sh"]
    assert made.spec.labels == {"a": "b"}


def test_an_image_that_is_gone_gets_no_container(containers: Containers) -> None:
    with pytest.raises(NotFound, match="busybox is not here any more"):
        containers.add(record(), lambda _tx, _digest: False)
    assert containers.all() == []


def test_the_latest_comes_first(containers: Containers) -> None:
    made = [add(containers, created=float(number), name=f"n{number}") for number in (2, 3, 1)]
    assert [one.name for one in containers.all()] == ["n3", "n2", "n1"]
    assert {one.id for one in made} == {one.id for one in containers.all()}


def test_finding_by_id_name_and_prefix(containers: Containers) -> None:
    first = add(containers, id="ab" * 32, name="first")
    second = add(containers, id="ac" * 32, name="second")
    named_as_id = add(containers, id="ff" * 32, name="abab")
    assert containers.find("ab" * 32) == first
    assert containers.find("/second") == second
    assert containers.find("ac") == second
    assert containers.find("abab") == named_as_id
    with pytest.raises(AmbiguousContainer, match="multiple IDs found with provided prefix: a"):
        containers.find("a")
    for text in ("", "d", "nobody", "%"):
        with pytest.raises(ContainerNotFound, match=f"no such container: {text}"):
            containers.find(text)


def test_a_name_belongs_to_one(containers: Containers) -> None:
    first = add(containers, name="one")
    with pytest.raises(NameInUse, match=r'name "/one" is already in use by container "' + first.id):
        add(containers, name="/one")
    second = add(containers)
    with pytest.raises(NameInUse):
        containers.rename(second, "one")
    containers.rename(first, "two")
    containers.rename(second, "one")
    assert containers.find("two").id == first.id
    assert containers.find("one").id == second.id


@pytest.mark.parametrize("text", ["", "a", "-a", ".a", "a b", "a/b", "a\n", "ä1", "//a1"])
def test_names_that_are_none(containers: Containers, text: str) -> None:
    with pytest.raises(InvalidName, match="only"):
        check_name(text)


def test_random_names_are_names_and_rarer_the_second_time() -> None:
    assert all(check_name(random_name()) for _ in range(300))
    assert random_name(1)[-1].isdigit()


def test_renaming_what_is_gone(containers: Containers) -> None:
    made = add(containers)
    containers.forget(made)
    containers.forget(made)
    with pytest.raises(ContainerNotFound):
        containers.rename(made, "other")
    with pytest.raises(ContainerNotFound):
        containers.move(made, replace(made, state=State.REMOVING))


@pytest.mark.parametrize("was", State)
@pytest.mark.parametrize("to", State)
def test_every_step_of_the_table_and_no_other(containers: Containers, was: State, to: State) -> None:
    made = add(containers, state=was)
    if to in NEXT[was]:
        moved = containers.move(made, replace(made, state=to, exit_code=3))
        assert containers.find(made.id) == moved
        assert moved.state is to
    else:
        with pytest.raises(StateChanged, match=f"is {was.value}: it cannot become {to.value}"):
            containers.move(made, replace(made, state=to))
        assert containers.find(made.id) == made


def test_a_step_from_a_state_that_was_left_meanwhile(containers: Containers) -> None:
    made = add(containers)
    containers.move(made, replace(made, state=State.REMOVING))
    with pytest.raises(StateChanged, match="is removing by now"):
        containers.move(made, replace(made, state=State.RUNNING))


def test_nothing_comes_after_removing() -> None:
    with pytest.raises(StateChanged):
        check_move("c", State.REMOVING, State.CREATED)


def test_a_running_container_whose_process_died_has_exited(
    containers: Containers, sleeper: ProcessIdentity
) -> None:
    made = add(containers, state=State.RUNNING, process=sleeper, started=time.time())
    assert containers.find(made.id).state is State.RUNNING
    end(sleeper)
    seen = containers.find(made.id)
    assert (seen.state, seen.exit_code, seen.process) == (State.EXITED, 255, None)
    assert seen.finished is not None
    with containers.folders.create(made.id) as held:
        assert containers.find(made.id).state is State.RUNNING, "somebody is about to write its end"
        settled = containers.settled(held)
        assert (settled.state, settled.exit_code) == (State.EXITED, 255)
    assert containers.find(made.id) == settled


def test_a_process_of_another_boot_is_dead_and_one_of_another_namespace_unknown(containers: Containers) -> None:
    here = current_process()
    earlier = add(containers, state=State.RUNNING, process=replace(here, boot="earlier"), started=1.0)
    elsewhere = add(containers, state=State.RUNNING, process=replace(here, namespace=1), started=1.0)
    assert containers.find(earlier.id).state is State.EXITED
    assert containers.find(elsewhere.id).state is State.RUNNING


def start_by_a_dead_process(containers: Containers, pid: int | None, written: float | None = None) -> str:
    made = add(containers, process=dead())
    with containers.folders.create(made.id) as held:
        if pid is not None:
            held.pid_file.write_text(f"{pid}\n")
            if written is not None:
                os.utime(held.pid_file, (written, written))
    return made.id


def test_what_was_started_by_one_who_died_is_running(containers: Containers, sleeper: ProcessIdentity) -> None:
    key = start_by_a_dead_process(containers, sleeper.pid)
    seen = containers.find(key)
    assert (seen.state, seen.process) == (State.RUNNING, sleeper)
    assert seen.started is not None
    with containers.folders.hold(key) as held:
        assert containers.settled(held) == seen
    end(sleeper)
    assert containers.find(key).state is State.EXITED


def test_what_was_never_started_is_created(containers: Containers) -> None:
    key = start_by_a_dead_process(containers, None)
    seen = containers.find(key)
    assert (seen.state, seen.process) == (State.CREATED, None)


def test_another_process_with_the_same_id_is_not_it(containers: Containers, sleeper: ProcessIdentity) -> None:
    key = start_by_a_dead_process(containers, sleeper.pid, time.time() - 600)
    seen = containers.find(key)
    assert (seen.state, seen.exit_code) == (State.EXITED, 255)


@pytest.mark.parametrize("text", ["", "x", "-1", "1 2"])
def test_a_pid_file_that_makes_no_sense(containers: Containers, text: str) -> None:
    key = start_by_a_dead_process(containers, 1)
    (containers.folders.path(key) / "pid").write_text(text)
    assert containers.find(key).state is State.CREATED


def test_while_it_is_started_a_container_is_what_it_was(containers: Containers) -> None:
    made = add(containers, process=current_process())
    with containers.folders.create(made.id):
        assert containers.find(made.id).state is State.CREATED


def test_a_start_that_never_came_to_a_pid_of_an_earlier_boot(containers: Containers) -> None:
    made = add(containers, process=replace(current_process(), boot="earlier"))
    assert containers.find(made.id).state is State.CREATED
    assert boot_id() != "earlier"


def test_one_at_a_time_holds_a_container(containers: Containers) -> None:
    folders = containers.folders
    with folders.create("a" * 64) as held:
        assert folders.is_held("a" * 64)
        with pytest.raises(ContainerBusy), ExitStack() as stack:
            stack.enter_context(folders.hold("a" * 64, patience=0))
        folders.remove(held)
        folders.remove(held)
    assert not folders.is_held("a" * 64)
    assert folders.ids() == []
    with pytest.raises(ContainerNotFound), ExitStack() as stack:
        stack.enter_context(folders.hold("a" * 64))


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    code = (
        "import sys, time; from pathlib import Path; from shale.container.folders import Folders\n"
        "with Folders(Path(sys.argv[1])).create('b' * 64): print('held', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    assert folders.is_held("b" * 64)
    child.kill()
    child.wait()
    child.stdout.close()
    assert not folders.is_held("b" * 64)
    with folders.hold("b" * 64, patience=0):
        pass


def test_a_folder_that_was_tidied_away_is_made_again(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with folders.create("c" * 64) as held:
        folders.remove(held)
    with folders.create("c" * 64) as held:
        os.close(held.part("upper", 0o755))
        assert os.listdir(held.path) == ["upper"]
