"""What any process can do to a container that runs."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from shale.container.containers import Containers
from shale.container.control import ContainerNotRunning, Control
from shale.container.folders import Folders
from shale.container.naming import new_id
from shale.container.record import ContainerRecord
from shale.container.spec import ContainerSpec
from shale.container.states import UNKNOWN_EXIT, State
from shale.linux.boot import process_of
from shale.oci.digest import Digest
from shale.store.database import Database


@dataclass
class Running:
    containers: Containers
    process: subprocess.Popen[bytes]

    @property
    def control(self) -> Control:
        return Control(self.containers)

    def become(self, **config: str) -> None:
        made = ContainerRecord(
            new_id(),
            "one",
            "busybox",
            Digest.of(b"image"),
            time.time(),
            ContainerSpec({"Cmd": ["x"], **config}),
        )
        added = self.containers.add(made, lambda _tx, _digest: True)
        running = replace(added, state=State.RUNNING, process=process_of(self.process.pid), started=time.time())
        self.containers.move(added, running)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    database = Database(tmp_path / "shale.db")
    with subprocess.Popen(["sleep", "600"]) as process:
        yield Running(Containers(database, Folders(tmp_path)), process)
        process.kill()
    database.close()


@pytest.mark.parametrize(
    ("wish", "number"), [("USR1", signal.SIGUSR1), ("", signal.SIGTERM), ("WRONG", signal.SIGTERM)]
)
def test_what_asks_a_container_to_end(running: Running, wish: str, number: int) -> None:
    """An image that names no signal, or one that does not exist, does not keep its containers running."""
    running.become(StopSignal=wish)
    running.control.stop("one", timeout=1e12)
    assert running.process.wait() == -number
    after = running.containers.find("one")
    assert (after.state, after.exit_code) == (State.EXITED, UNKNOWN_EXIT)


def test_what_does_not_run_cannot_be_killed(running: Running) -> None:
    running.become()
    running.control.kill("one")
    running.process.wait()
    with pytest.raises(ContainerNotRunning, match="cannot kill container: one"):
        running.control.kill("one")
    assert running.control.wait("one") == UNKNOWN_EXIT
