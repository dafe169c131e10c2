"""What leads to and from a container's process: three pipes, or one terminal.

Never the caller's own descriptors: a runtime gives the container's user the files that it has as standard
streams, a process in the container can open them anew through /proc with other rights, and one that has a
terminal of the host can type on it.
"""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final, Self, TypeAlias

from shale.linux.terminal import Size, open_terminal, set_size
from shale.runtime.driver import Streams

__all__ = ["Plumbing", "Sink", "discard", "sink_of"]

Sink: TypeAlias = Callable[[bytes], None]
"""Takes what a container writes, in order; may raise BrokenPipeError to say that nobody reads any more."""

_PIECE: Final = 64 * 1024


def discard(_: bytes) -> None:
    """A sink for a stream that nobody asked for."""


def sink_of(descriptor: int) -> Sink:
    """A sink that writes to a descriptor, which stays the caller's."""

    def write(piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:
                select.select([], [descriptor], [])

    return write


class Plumbing:
    """The streams of one run of a container; a context manager, left when the container has ended.

    Attributes:
        streams: the container's ends; good until `release`.
    """

    streams: Streams

    def __init__(
        self, stdin: int | None, stdout: Sink, stderr: Sink, *, tty: bool = False, size: Size | None = None
    ) -> None:
        """Open the ends.

        Args:
            stdin: descriptor to read from; None where the container shall read the end of file at once.
            stdout: takes its standard output, and with a terminal everything.
            stderr: takes its standard error; without use where there is a terminal.
            tty: whether it has a terminal.
            size: of that terminal at first.
        """
        self._ends = ExitStack()
        self._ours = ExitStack()
        self._stop, self._stopping = os.pipe2(os.O_CLOEXEC)
        self._ours.callback(os.close, self._stop)
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._terminal: int | None = None
        if tty:
            self._open_terminal(stdin, stdout, size)
        else:
            self._open_pipes(stdin, stdout, stderr)

    def _open_terminal(self, stdin: int | None, sink: Sink, size: Size | None) -> None:
        ours, theirs = open_terminal(size)
        self._ours.callback(os.close, ours)
        self._ends.callback(os.close, theirs)
        self._terminal = ours
        self.streams = Streams(theirs, theirs, theirs)
        self._out(ours, sink)
        if stdin is not None:
            self._in(stdin, ours)

    def _open_pipes(self, stdin: int | None, stdout: Sink, stderr: Sink) -> None:
        if stdin is None:
            reading = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        else:
            reading, feeding = os.pipe2(os.O_CLOEXEC)
            self._in(stdin, feeding, close=True)
        self._ends.callback(os.close, reading)
        writing = []
        for sink in (stdout, stderr):
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            self._ends.callback(os.close, theirs)
            writing.append(theirs)
            self._out(ours, sink, close=True)
        self.streams = Streams(reading, *writing)

    def resize(self, size: Size) -> None:
        """Change the size of the terminal, where there is one."""
        if self._terminal is not None:
            with suppress(OSError):
                set_size(self._terminal, size)

    def release(self) -> None:
        """Close the container's ends, when it has its own copies of them."""
        self._ends.close()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Bring what is still under way to its end, and close everything.

        Raises:
            BaseException: what a sink raised, where nothing else went wrong.
        """
        self._ends.close()
        os.close(self._stopping)
        for thread in self._threads:
            thread.join()
        self._ours.close()
        if error is None and self._failures:
            raise self._failures[0]

    def _out(self, source: int, sink: Sink, *, close: bool = False) -> None:
        def pump() -> None:
            try:
                while piece := _read(source):
                    sink(piece)
            except BrokenPipeError:
                pass
            except BaseException as failure:  # noqa: BLE001 - handed to whoever runs the container
                self._failures.append(failure)
            finally:
                # The container's next write fails: it learns that nobody reads any more.
                if close:
                    os.close(source)

        self._threads.append(threading.Thread(target=pump, name="shale-out", daemon=True))

    def _in(self, source: int, target: int, *, close: bool = False) -> None:
        def pump() -> None:
            try:
                while piece := self._next(source):
                    if not self._feed(target, piece):
                        break
            finally:
                if close:
                    os.close(target)

        self._threads.append(threading.Thread(target=pump, name="shale-in", daemon=True))

    def _next(self, source: int) -> bytes:
        """What the caller gives next; nothing at its end, or when the container has ended."""
        if not self._ready(source, select.POLLIN):
            return b""
        return _read(source)

    def _feed(self, target: int, piece: bytes) -> bool:
        """Write all of a piece; false when the container takes no more."""
        os.set_blocking(target, False)
        left = memoryview(piece)
        while left:
            if not self._ready(target, select.POLLOUT):
                return False
            try:
                left = left[os.write(target, left) :]
            except BlockingIOError:
                continue
            except OSError:
                return False
        return True

    def _ready(self, descriptor: int, event: int) -> bool:
        """Wait until something can be read or written; false when the container has ended."""
        poll = select.poll()
        poll.register(descriptor, event)
        poll.register(self._stop, select.POLLIN)
        ready = {number for number, _ in poll.poll()}
        return self._stop not in ready


def _read(source: int) -> bytes:
    while True:
        try:
            return os.read(source, _PIECE)
        except BlockingIOError:
            select.select([source], [], [])
        except OSError as error:
            if error.errno == errno.EIO:  # a terminal whose other end is closed
                return b""
            raise
