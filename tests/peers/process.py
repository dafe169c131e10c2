"""Start a peer's program, once or for as long as a test needs it; end it by its own process id."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

Answer = TypeVar("Answer")

SYSTEM_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")


class PeerFailed(AssertionError):
    """A peer's program ended with an error, or did not become ready."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and all that it said."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


def tool(name: str, package: str) -> str:
    """The path of a program from Debian's `package`; where it lacks, the test fails and says what to install.

    Only the distribution's own folders are searched: another version may lie in /usr/local or in $PATH.
    """
    for folder in SYSTEM_PATH:
        path = f"{folder}/{name}"
        if os.access(path, os.X_OK):
            return path
    pytest.fail(f"{name} is not installed: apt-get install {package}", pytrace=False)


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float = 120,
    check: bool = True,
) -> Outcome:
    """Run a program to its end, `timeout` seconds at most; raise `PeerFailed` when its exit code is not 0."""
    done = subprocess.run(
        argv,
        env=env,
        cwd=cwd,
        input=stdin or "",
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
    outcome = Outcome(tuple(argv), done.returncode, done.stdout, done.stderr)
    if check and done.returncode != 0:
        raise PeerFailed(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return outcome


class Daemon:
    """A program that serves until it is told to stop; the leader of its own process group."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self._argv = tuple(argv)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """All that it has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, ready: Callable[[], Answer | None], *, seconds: float = 60) -> Answer:
        """Ask `ready` until it answers; raise `PeerFailed` when the program ends or time is up."""
        deadline = time.monotonic() + seconds
        while True:
            answer = ready()
            if answer is not None:
                return answer
            if self._process.poll() is not None:
                raise PeerFailed(f"{self._argv[0]} ended with {self._process.returncode}:\n{self.log}")
            if time.monotonic() > deadline:
                raise PeerFailed(f"{self._argv[0]} was not ready after {seconds:.0f} s:\n{self.log}")
            time.sleep(0.02)

    def stop(self, *, seconds: float = 20) -> None:
        """Ask it to end; after `seconds` kill it. What its process group still holds is killed too."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        try:
            # While one of its processes lives, the group's number cannot be another's.
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
