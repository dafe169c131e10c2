"""Starting a program and waiting for its answer, bounded in time and in bytes.

Never a shell, never a program from a relative place: a folder on PATH that is not absolute is passed over, so
that a repository's own folder cannot slip a program in.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO, Final

import msgspec

from shale.errors import Denied, Exhausted, NotFound, Unavailable

__all__ = [
    "Completed",
    "OutputTooLong",
    "ProgramDenied",
    "ProgramNotFound",
    "ProgramTimedOut",
    "find_program",
    "run_bounded",
]

_PIECE: Final = 64 * 1024
_GLANCE: Final = 0.05
"""Seconds between two looks at whether a process has ended whose pipes are still open.

A pidfd would tell at once, and is refused inside containers of older engines.
"""


class ProgramNotFound(NotFound):
    """No program of that name is on PATH."""


class ProgramDenied(Denied):
    """The program is there and cannot be started."""


class ProgramTimedOut(Unavailable):
    """The program did not end in time, and was killed."""


class OutputTooLong(Exhausted):
    """The program wrote more than it may, and was killed."""


class Completed(msgspec.Struct, frozen=True):
    """A program that ended.

    Attributes:
        status: its exit status; negative for the signal that ended it.
        output: what it wrote to standard output; not shown in a repr, it may be a secret.
        errors: what it wrote to standard error.
    """

    status: int
    output: bytes
    errors: bytes

    def __repr__(self) -> str:
        return f"Completed(status={self.status})"


def find_program(name: str, env: Mapping[str, str]) -> str:
    """The absolute path of a program on PATH.

    Args:
        name: one component, without a slash.
        env: the environment whose PATH is searched.

    Raises:
        ProgramNotFound: it is in none of the absolute folders of PATH.
    """
    if "/" in name or "\0" in name or name in ("", ".", ".."):
        raise ProgramNotFound(f"{name!r} is not the name of a program")
    for folder in env.get("PATH", os.defpath).split(":"):
        path = os.path.join(folder, name)
        if folder.startswith("/") and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise ProgramNotFound(f"the program {name} is not on PATH; install it, or remove what asks for it")


def run_bounded(
    argv: Sequence[str], *, stdin: bytes, timeout: float, output_limit: int, env: Mapping[str, str]
) -> Completed:
    """Run a program to its end.

    It runs in a session of its own, with no descriptor of ours but the three pipes. When time or output run
    out, or the caller is interrupted, it is killed with everything in its process group. Processes that it
    leaves behind in the background (gpg-agent does that) are not waited for.

    Args:
        argv: the program, by absolute path or by a name that is looked up on the PATH of `env`; then its
            arguments.
        stdin: what it reads; then end of file.
        timeout: seconds until it is killed.
        output_limit: bytes that it may write, counted for each of its two outputs.
        env: its whole environment.

    Raises:
        ProgramNotFound: there is no such program.
        ProgramDenied: it cannot be started.
        ProgramTimedOut: it took too long.
        OutputTooLong: it wrote too much.
    """
    program = argv[0] if argv[0].startswith("/") else find_program(argv[0], env)
    name = os.path.basename(program)
    try:
        process = subprocess.Popen(
            [program, *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            close_fds=True,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise ProgramNotFound(f"the program {program} is not there, or its interpreter is not") from error
    except OSError as error:
        raise ProgramDenied(f"the program {program} cannot be started: {error.strerror}") from error
    with ExitStack() as stack:
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            stack.callback(_close, pipe)
        try:
            output, errors = _Exchange(process, name, stdin, output_limit).finish(time.monotonic() + timeout)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    return Completed(process.wait(), output, errors)


def _close(pipe: IO[bytes]) -> None:
    # What is left in the buffer of a pipe that nobody reads is no error here.
    with suppress(BrokenPipeError):
        pipe.close()


class _Exchange:
    """Feeding one process and listening to it, until it ends."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, stdin: bytes, limit: int) -> None:
        self._process = process
        self._name = name
        self._left = memoryview(stdin)
        self._limit = limit
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._input = process.stdin
        self._pipes = (process.stdout, process.stderr)
        self._kept = {pipe.fileno(): bytearray() for pipe in self._pipes}

    def finish(self, deadline: float) -> tuple[bytes, bytes]:
        """What it wrote; `deadline` is of time.monotonic()."""
        for pipe in (self._input, *self._pipes):
            os.set_blocking(pipe.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._input, selectors.EVENT_WRITE)
            for number in self._kept:
                selector.register(number, selectors.EVENT_READ)
            self._pump(selector, deadline)
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise self._late() from None
        for number in self._kept:
            # The process has ended: take what lies in the pipe, and do not wait for those it left behind.
            while self._read(number):
                pass
        output, errors = self._kept.values()
        return bytes(output), bytes(errors)

    def _pump(self, selector: selectors.BaseSelector, deadline: float) -> None:
        """Serve the pipes until all are closed, or the process has ended and others hold them open."""
        while selector.get_map() and self._process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._late()
            for key, _ in selector.select(min(left, _GLANCE)):
                if key.fd in self._kept:
                    if not self._read(key.fd):
                        selector.unregister(key.fileobj)
                elif not self._write():
                    selector.unregister(key.fileobj)
                    _close(self._input)

    def _late(self) -> ProgramTimedOut:
        return ProgramTimedOut(f"the program {self._name} did not answer in time and was stopped")

    def _write(self) -> bool:
        """Feed it some more; false when there is no more to feed."""
        try:
            self._left = self._left[os.write(self._input.fileno(), self._left[:_PIECE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return len(self._left) > 0

    def _read(self, number: int) -> bool:
        """Take some of its output; false when there is none now."""
        kept = self._kept[number]
        try:
            piece = os.read(number, _PIECE)
        except BlockingIOError:
            return False
        kept += piece
        if len(kept) > self._limit:
            raise OutputTooLong(f"the program {self._name} wrote more than {self._limit} bytes and was stopped")
        return bool(piece)
