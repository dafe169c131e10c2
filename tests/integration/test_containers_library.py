"""Containers from Python: typed results, streams kept apart, nothing left behind, many at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from peers.layout import LayoutImage
from shale.container.failures import CommandDenied, CommandNotFound, StartFailed
from shale.container.lifecycle import AlreadyRunning
from shale.container.naming import ContainerNotFound
from shale.container.put_down import ContainerRunning
from shale.container.states import State
from shale.engine.engine import Engine
from shale.engine.policy import Policy
from shale.engine.started import Started
from shale.errors import Invalid, NotFound
from shale.events import Event, Notice
from shale.image.uses import ImageInUse
from shale.linux.process import OutputTooLong
from shale.runtime.wishes import RunWishes, VolumeMount

pytestmark = pytest.mark.peer
INTERACTIVE = RunWishes(interactive=True)


@pytest.fixture(scope="module")
def loaded(busybox_image: LayoutImage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine.open(tmp_path_factory.mktemp("library") / "store", {"PATH": os.environ["PATH"]}) as engine:
        (image,) = engine.images.load(busybox_image.layout)
        engine.images.tag(str(image.target), "busybox")
        yield engine


@pytest.fixture
def engine(loaded: Engine) -> Iterator[Engine]:
    yield loaded
    for record in loaded.containers.tidied():
        loaded.containers.remove(record.id, force=True)
    assert os.listdir(loaded.settings.root / "containers") == []


def test_a_result_has_everything(engine: Engine) -> None:
    result = engine.containers.run(
        "busybox", "sh", "-c", "cat; echo err >&2; exit 9", stdin=b"in", wishes=INTERACTIVE
    )
    assert (result.exit_code, result.stdout, result.stderr) == (9, b"in", b"err\n")
    with pytest.raises(ContainerNotFound):
        engine.containers.find(result.container)


def test_outputs_go_to_open_files(engine: Engine, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        out.write(b"before\n")
        result = engine.containers.run("busybox", "sh", "-c", "echo out; echo err >&2", stdout=out, stderr=err)
    assert (result.stdout, result.stderr) == (b"", b"")
    assert ((tmp_path / "out").read_bytes(), (tmp_path / "err").read_bytes()) == (b"before\nout\n", b"err\n")
    assert (tmp_path / "out").stat().st_uid == os.getuid(), "a runtime gives what it is handed to its user"


def test_what_is_kept_is_bounded(engine: Engine) -> None:
    with pytest.raises(OutputTooLong, match="more than 1000 bytes"):
        engine.containers.run("busybox", "yes", limit=1000)
    assert engine.containers.list(all_states=True) == []
    assert len(engine.containers.run("busybox", "head", "-c", "1000", "/dev/zero", limit=1000).stdout) == 1000


def test_a_command_that_cannot_be(engine: Engine) -> None:
    with pytest.raises(CommandNotFound):
        engine.containers.run("busybox", "nothing", name="one", remove=False)
    failed = engine.containers.find("one")
    assert (failed.state, failed.exit_code) == (State.CREATED, 127)
    with pytest.raises(CommandDenied):
        engine.containers.run("busybox", "/etc")
    # What is hidden from a look at the image: the runtime tells.
    with pytest.raises(CommandNotFound):
        engine.containers.run("busybox", "/proc/nothing")
    with pytest.raises(StartFailed, match="nobody-here"):
        engine.containers.run("busybox", "true", wishes=RunWishes(user="nobody-here"))


def test_an_image_that_is_not_here(engine: Engine) -> None:
    events: list[Event] = []
    with pytest.raises(NotFound):
        engine.containers.create("nothing", policy=Policy.NEVER, listener=events.append)
    assert events == []
    with pytest.raises(Invalid):
        engine.containers.create("Nothing")
    with pytest.raises(Exception, match=r"127\.0\.0\.1:1"):
        engine.containers.create("127.0.0.1:1/nothing", listener=events.append)
    assert events[0] == Notice("Unable to find image '127.0.0.1:1/nothing:latest' locally")


def test_a_temporary_container_goes_whatever_happens(engine: Engine) -> None:
    def fail() -> None:
        with engine.containers.temporary("busybox", "sleep", "600", name="one") as container:
            started.append(container.start())
            assert engine.containers.find("one").state is State.RUNNING
            raise ZeroDivisionError

    started: list[Started] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert engine.containers.list(all_states=True) == []
    assert started[0].wait().exit_code == 137


def test_a_started_container_is_a_block(engine: Engine) -> None:
    engine.containers.create(
        "busybox", "sh", "-c", "trap 'exit 4' TERM; echo on; while :; do sleep 0.02; done", name="one"
    )
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out, engine.containers.start("one", stdout=out) as started:
        assert os.read(reading, 10) == b"on\n"
        with pytest.raises(AlreadyRunning):
            engine.containers.start("one")
        with pytest.raises(ContainerRunning):
            engine.containers.remove("one")
        assert [one.record.name for one in engine.containers.list()] == ["one"]
        started.signal(signal.SIGTERM)
        assert started.wait().exit_code == 4
    os.close(reading)
    with engine.containers.start("one"):
        pass
    assert engine.containers.find("one").exit_code == 137


def test_many_at_once_from_threads_share_their_image_and_keep_their_changes(engine: Engine) -> None:
    root = engine.settings.root
    before = sum(
        file.stat().st_size
        for folder in ("blobs", "layers")
        for file in (root / folder).rglob("*")
        if file.is_file()
    )

    def work(number: int) -> bytes:
        name = f"c{number}"
        made = engine.containers.create(
            "busybox", "sh", "-c", f"echo {number} >> /bin/mark; cat /bin/mark", name=name
        )
        made.run()
        return made.run().stdout

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(10))) == [f"{n}\n{n}\n".encode() for n in range(10)]
    after = sum(
        file.stat().st_size
        for folder in ("blobs", "layers")
        for file in (root / folder).rglob("*")
        if file.is_file()
    )
    assert after == before
    assert {engine.containers.changed_bytes(f"c{number}") for number in range(10)} == {4}
    assert engine.containers.run("busybox", "ls", "/bin/mark").exit_code == 1
    assert len(engine.containers.prune().containers) == 10


def test_the_same_container_started_by_many_runs_once_at_a_time(engine: Engine) -> None:
    engine.containers.create("busybox", "sh", "-c", "echo x >> /runs; sleep 0.1; wc -l < /runs", name="one")
    ran: list[bytes] = []

    def start() -> None:
        while True:
            try:
                with engine.containers.start("one") as started:
                    ran.append(started.wait().stdout)
                    return
            except AlreadyRunning:
                time.sleep(0.02)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == [b"1\n", b"2\n", b"3\n", b"4\n"]


def test_a_volume_of_its_own_is_filled_and_goes_with_the_container(engine: Engine) -> None:
    wishes = RunWishes(mounts=(VolumeMount(target="/bin"),))
    container = engine.containers.create(
        "busybox", "sh", "-c", "ls /bin | wc -l; touch /bin/new", name="one", wishes=wishes
    )
    first = int(container.run().stdout)
    assert first > 50
    assert int(container.run().stdout) == first + 1
    assert engine.containers.changed_bytes("one") == 0
    container.remove()
    assert not (engine.settings.root / "containers" / container.id).exists()


def test_an_image_in_use_stays(engine: Engine) -> None:
    engine.containers.create("busybox", name="one")
    with pytest.raises(ImageInUse):
        engine.images.remove("busybox")
    assert engine.images.prune(all_images=True).deleted == ()
    assert engine.images.find("busybox").names
