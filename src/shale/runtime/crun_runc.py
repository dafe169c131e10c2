"""The driver of runc and of programs with its command line (crun, youki).

`run` in the foreground: the program stays beside its container, passes signals on to it, reaps it, and exits
with its exit code. What it says about its own failures comes from its log; it also prints the same on standard
error, which is the container's too and cannot be kept apart.

A terminal for a container whose caller has none is a pair of our own on its streams: the
programs refuse `--console-socket` for a container in the foreground, and take over any terminal.

Specification: runtime-spec runtime.md; the command lines of runc(8) and crun(1).
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from shale.linux.cgroup import read_cgroups, remove_cgroup
from shale.linux.durable import disk_errors
from shale.linux.foreground import Foreground
from shale.linux.idmap import read_tables
from shale.linux.process import Completed, run_bounded
from shale.runtime.driver import (
    CommandNotExecutable,
    CommandNotFound,
    Running,
    RuntimeFailed,
    Streams,
)

__all__ = ["OciRuntime", "Program", "failure_from"]

_SECONDS: Final = 30.0
_OUTPUT: Final = 256 * 1024
_MOST_LOG: Final = 1024 * 1024
_LOG: Final = "runtime.log"
_GONE: Final = re.compile(
    r"does not exist|not running|no such process|no such file or directory", re.IGNORECASE
)
_NOT_FOUND: Final = re.compile(
    r"exec.*(not found|no such file)|no such file or directory.*exec|stat .*no such file"
)
_NOT_EXECUTABLE: Final = re.compile(r"permission denied|not a directory|is a directory|exec format error")


class Program(msgspec.Struct, frozen=True):
    """A program that was found.

    Attributes:
        name: `runc`, `crun` or `youki`.
        path: absolute.
        version: what it says, for people; empty where it says nothing.
    """

    name: str
    path: str
    version: str


class OciRuntime:
    """One program as a `Driver`."""

    def __init__(self, program: Program, environ: Mapping[str, str]) -> None:
        """Take a program that passed its test.

        Args:
            program: which.
            environ: whose PATH it gets. Nothing else: what a service manager says to us (`NOTIFY_SOCKET`,
                `LISTEN_FDS`) must not reach a container.
        """
        self._program = program
        self._env = {"PATH": environ.get("PATH") or os.defpath}

    @property
    def name(self) -> str:
        """`runc 1.1.5`."""
        return f"{self._program.name} {self._program.version}".strip()

    def run(self, state: Path, container: str, bundle: Path, pid_file: Path, streams: Streams) -> Running:
        """See `Driver.run`."""
        log = bundle / _LOG
        with disk_errors(f"making {state}"):
            state.mkdir(mode=0o700, exist_ok=True)
            for old in (log, pid_file):
                old.unlink(missing_ok=True)
        argv = [
            self._program.path, *self._logging(log), "--root", str(state), *self._cgroups(bundle),
            "run", "--bundle", str(bundle), "--pid-file", str(pid_file), container,
        ]  # fmt: skip
        process = Foreground(
            argv, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, env=self._env
        )
        return _Attended(process, self._program.name, log, pid_file)

    def delete(self, state: Path, container: str) -> None:
        """See `Driver.delete`.

        The program is asked first, unless it has forgotten the container already; what it leaves, because it
        was killed at a bad moment or its state was lost in a power cut, goes without it.
        """
        import shutil  # noqa: PLC0415 - hardly ever asked for

        known = (state / container).is_dir()
        done = self._do(state, ["delete", "--force", container]) if known else None
        users, _ = read_tables()
        cgroups = read_cgroups()
        remove_cgroup(cgroups, cgroups.place(f"shale-{container}", privileged=users.is_everything).path)
        with disk_errors(f"removing {state}"), suppress(FileNotFoundError):
            shutil.rmtree(state / container)
        if done is not None and done.status != 0 and not _GONE.search(_text(done)):
            # It has nothing any more that it could complain about: whoever asks again hears no more of it.
            raise RuntimeFailed(f"{self.name} had trouble removing container {container[:12]}: {_text(done)}")

    def _do(self, state: Path, arguments: Sequence[str]) -> Completed:
        return run_bounded(
            [self._program.path, "--root", str(state), *arguments],
            stdin=b"", timeout=_SECONDS, output_limit=_OUTPUT, env=self._env,
        )  # fmt: skip

    def _logging(self, log: Path) -> list[str]:
        # crun takes what is before a colon for the kind of its log.
        where = f"file:{log}" if self._program.name == "crun" else str(log)
        return ["--log", where, "--log-format", "json"]

    def _cgroups(self, bundle: Path) -> list[str]:
        """Tell crun not to look for a control group where none can be had; runc finds out by itself."""
        if self._program.name != "crun":
            return []
        config = json.loads((bundle / "config.json").read_bytes())
        return ["--cgroup-manager", "cgroupfs" if "cgroupsPath" in config["linux"] else "disabled"]


class _Attended:
    """A container in the foreground, by way of the program that runs it."""

    def __init__(self, process: Foreground, name: str, log: Path, pid_file: Path) -> None:
        self._process = process
        self._name = name
        self._log = log
        self._pid_file = pid_file

    def signal(self, number: int) -> None:
        """See `Running.signal`."""
        self._process.signal(number)

    def wait(self) -> int:
        """See `Running.wait`."""
        status = self._process.wait()
        said = _errors_in(self._log)
        if status < 0:
            ended = signal.Signals(-status).name
            raise RuntimeFailed(
                f"{self._name} was ended by {ended}; its container may still run, or never began"
            )
        # runc writes the process id when the container has begun, crun before that, and then logs what failed.
        began = self._pid_file.exists() and not (self._name != "runc" and status == 1 and said)
        if not began:
            raise failure_from(self._name, said or f"it ended with {status} and said nothing")
        return status


def failure_from(name: str, said: str) -> RuntimeFailed:
    """The error for what a program says about a container that did not begin."""
    lowered = said.lower()
    if _NOT_FOUND.search(lowered):
        return CommandNotFound(f"{name}: {said}")
    if _NOT_EXECUTABLE.search(lowered):
        return CommandNotExecutable(f"{name}: {said}")
    return RuntimeFailed(f"{name}: {said}")


def _errors_in(log: Path) -> str:
    """What a program logged as errors; the last one says the most."""
    try:
        with open(log, "rb") as file:
            lines = file.read(_MOST_LOG).splitlines()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return os.strerror(error.errno or errno.EIO)
    errors = []
    for line in lines:
        with suppress(ValueError, AttributeError):
            entry = json.loads(line)
            if entry.get("level") in ("error", "fatal", "panic", "ERROR"):
                errors.append(str(entry.get("msg", "")).strip())
    return errors[-1] if errors else ""


def _text(done: Completed) -> str:
    return (done.errors or done.output).decode("utf-8", "replace").strip()[-2000:]
