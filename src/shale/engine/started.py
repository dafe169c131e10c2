"""A container that this program has started: its streams, its end, what it wrote."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from shale.container.record import ContainerRecord
from shale.container.streams import Plumbing, Sink, sink_of
from shale.container.supervision import Supervision
from shale.engine.runoptions import MOST_KEPT, StreamOptions
from shale.linux.process import OutputTooLong

__all__ = ["RunResult", "Started", "wants_terminal"]


class RunResult(msgspec.Struct, frozen=True):
    """How a container ended.

    Attributes:
        container: its id.
        exit_code: of its first process; 128 and the signal where one ended it.
        stdout: what it wrote to standard output; empty where a file got that. With a terminal, everything.
        stderr: the same of standard error.
    """

    container: str
    exit_code: int
    stdout: bytes
    stderr: bytes

    def __repr__(self) -> str:
        return f"RunResult(container={self.container!r}, exit_code={self.exit_code})"


def wants_terminal(record: ContainerRecord) -> bool:
    """Whether a container has a terminal."""
    return bool(record.spec.config.get("Tty"))


class _Kept:
    """A sink that keeps what comes, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._full: Callable[[], None] | None = None

    def __call__(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            if self._full is not None:
                self._full()
            raise OutputTooLong(f"the container wrote more than {self._limit} bytes and was stopped")
        self._pieces.append(piece)

    def when_full(self, act: Callable[[], None]) -> None:
        """Say what to do when it is full; done at once where it is already."""
        self._full = act
        if self._size > self._limit:
            act()

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)


class Started:
    """A container that runs as long as this program lets it; a context manager, whose end is its end."""

    def __init__(
        self,
        start: Callable[[Callable[[], Plumbing]], Supervision],
        streams: StreamOptions,
        *,
        tty: bool = False,
    ) -> None:
        """Start; returns when the first process runs.

        Args:
            start: begins with the streams that it is told how to make.
            streams: where the container reads and writes.
            tty: whether it has a terminal.

        Raises:
            StartFailed: there never will be one.
            ShaleError: it could not even be tried.
        """
        limit = streams.get("limit", MOST_KEPT)
        self._stdout, self._stderr = _Kept(limit), _Kept(limit)
        self._files = ExitStack()

        def plumbing() -> Plumbing:
            return Plumbing(
                self._source(streams.get("stdin")),
                _sink(streams.get("stdout"), self._stdout),
                _sink(streams.get("stderr"), self._stderr),
                tty=tty,
            )

        try:
            self._supervision = start(plumbing)
            for kept in (self._stdout, self._stderr):
                kept.when_full(self._supervision.end)
            self._supervision.began()
        except BaseException:
            self._files.close()
            raise

    @property
    def id(self) -> str:
        """The container's id."""
        return self._supervision.id

    def signal(self, number: int) -> None:
        """Send a signal to the first process."""
        self._supervision.signal(number)

    def end(self) -> None:
        """End the container at once."""
        self._supervision.end()

    def wait(self) -> RunResult:
        """Wait for the end of the container.

        Raises:
            OutputTooLong: it wrote more than is kept, and was ended.
            RuntimeFailed: the runtime lost it.
        """
        code = self._supervision.wait()
        return RunResult(self.id, code, self._stdout.content, self._stderr.content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervision.end()
        self._supervision.join()
        self._files.close()

    def _source(self, stdin: bytes | BinaryIO | None) -> int | None:
        if stdin is None:
            return None
        if not isinstance(stdin, bytes):
            return stdin.fileno()
        file = os.memfd_create("stdin", os.MFD_CLOEXEC)
        self._files.callback(os.close, file)
        left = memoryview(stdin)
        while left:
            left = left[os.write(file, left) :]
        os.lseek(file, 0, os.SEEK_SET)
        return file


def _sink(file: BinaryIO | None, kept: Sink) -> Sink:
    if file is None:
        return kept
    file.flush()
    return sink_of(file.fileno())
