"""The port: a program that runs OCI bundles (runc, crun, youki)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from shale.errors import Conflict

__all__ = [
    "CommandNotExecutable",
    "CommandNotFound",
    "Driver",
    "Running",
    "RuntimeFailed",
    "Streams",
]


class RuntimeFailed(Conflict):
    """The program could not do what it was asked for; the message holds what it said."""


class CommandNotFound(RuntimeFailed):
    """What a container should run is not in it; docker's command line answers 127."""


class CommandNotExecutable(RuntimeFailed):
    """What a container should run is there and no program that can be started; docker answers 126."""


class Streams(msgspec.Struct, frozen=True):
    """Descriptors for a container's standard input, output and errors; they stay the caller's."""

    stdin: int
    stdout: int
    stderr: int


class Driver(Protocol):
    """One program, accepted after a test of it. State lies below a folder that the caller chose.

    `state` is a folder of the store; `container` a container's full id (64 hexadecimal digits).
    """

    @property
    def name(self) -> str:
        """`runc 1.1.5`, for `shale info`."""

    def run(self, state: Path, container: str, bundle: Path, pid_file: Path, streams: Streams) -> Running:
        """Start a container; called in the mount namespace in which its root file system is mounted.

        Args:
            state: where the program keeps what it knows; made where it is missing.
            container: a name that is new there.
            bundle: folder with `config.json` and `rootfs`.
            pid_file: gets the process id of its first process, before it runs.
            streams: given to it; a terminal on them is taken over where the spec asks for a terminal.

        Raises:
            RuntimeFailed: the program cannot be started.
        """

    def delete(self, state: Path, container: str) -> None:
        """End a container where it runs, and remove its cgroups and state; none is fine."""


class Running(Protocol):
    """A container that was started in the foreground."""

    def signal(self, number: int) -> None:
        """Pass a signal on to it; where it has ended, nothing happens.

        SIGWINCH says that the terminal on its standard input has another size.
        """

    def wait(self) -> int:
        """Wait for its end: the exit code of its first process, 128 and the signal where one ended it.

        Raises:
            CommandNotFound, CommandNotExecutable: it never began because of what it should run.
            RuntimeFailed: it never began for another reason, which is in the message; or the program was
                killed and its container may run on without it.
        """
