"""Containers without a kernel's help: fakes of what they are made with, whose processes are real ones."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from shale.container.folders import HeldFolder
from shale.container.ports import Workshop
from shale.container.record import ContainerRecord
from shale.errors import ShaleError
from shale.runtime.driver import RuntimeFailed, Streams

__all__ = ["FakeDriver", "FakeGround", "Run"]

T = TypeVar("T")


@dataclass
class Run:
    """A process of a fake container."""

    process: subprocess.Popen[bytes]
    failure: RuntimeFailed | None = None
    signals: list[int] = field(default_factory=list)

    def signal(self, number: int) -> None:
        self.signals.append(number)
        self.process.send_signal(number)

    def wait(self) -> int:
        code = self.process.wait()
        if self.failure is not None:
            raise self.failure
        return 128 - code if code < 0 else code


@dataclass
class FakeDriver:
    """Runs the command of a container on the host; with `fail` the next starts fail so."""

    name: str = "fake 1"
    fail: RuntimeFailed | None = None
    refuse: str = ""
    tells_pid: bool = True
    runs: list[Run] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def run(self, state: Path, container: str, bundle: Path, pid_file: Path, streams: Streams) -> Run:
        if self.refuse:
            raise RuntimeFailed(self.refuse)
        (state / container).mkdir()
        command = "exit 1" if self.fail else (bundle / "command").read_text()
        process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, start_new_session=True,
        )  # fmt: skip
        (state / container / "pid").write_text(str(process.pid))
        if not self.fail and self.tells_pid:
            pid_file.write_text(str(process.pid))
        self.runs.append(Run(process, self.fail))
        return self.runs[-1]

    def delete(self, state: Path, container: str) -> None:
        self.deleted.append(container)
        try:
            os.killpg(int((state / container / "pid").read_text()), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
        else:
            for run in self.runs:
                run.process.wait()
        (state / container / "pid").unlink(missing_ok=True)
        (state / container).rmdir()


@dataclass
class FakeGround:
    """Roots, bundles and mounts that do nothing, or fail where they are told to, or wait for `starts`."""

    driver: FakeDriver = field(default_factory=FakeDriver)
    failure: ShaleError | None = None
    starts: threading.Event = field(default_factory=threading.Event)
    attached: list[int | str] = field(default_factory=list)
    programs: tuple[str, ...] = ("true", "sh", "echo", "sleep", "nothing")

    def __post_init__(self) -> None:
        self.starts.set()

    def mount(self, record: ContainerRecord, upper: int, work: int, *, volatile: bool = False) -> int:
        assert record.image
        assert volatile == record.spec.remove
        self.starts.wait(30)
        if self.failure is not None:
            raise self.failure
        assert os.listdir(work) == []
        return os.dup(upper)

    def write(self, record: ContainerRecord, held: HeldFolder) -> tuple[str, ...]:
        programs = held.path / "rootfs" / "bin"
        programs.mkdir(exist_ok=True)
        for name in self.programs:
            (programs / name).touch(mode=0o755)
        (held.path / "command").write_text(shlex.join(record.spec.command))
        return ("as noted",)

    def in_private_mounts(self, work: Callable[[], T]) -> T:
        return work()

    def attach(self, mount: int, place: int | str) -> None:
        os.fstat(mount)
        self.attached.append(place)

    @property
    def workshop(self) -> Workshop:
        return Workshop(self, self, lambda: self.driver, self)
