"""A container in front of a person, or of the program that called us: streams, terminal, signals."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

from shale.cli.exit import complain, remark
from shale.cli.running.signals import relayed_signals
from shale.container.streams import Plumbing, Sink, discard, sink_of
from shale.container.supervision import Supervision
from shale.errors import Invalid
from shale.linux.terminal import raw_mode, size_of

__all__ = ["Attachment", "NoTerminal", "attend"]

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2
_ENOUGH: Final = 3
"""So many requests to end are meant: docker's command line gives up waiting then, we end the container."""


class NoTerminal(Invalid):
    """A container with a terminal should read from what is none."""


class Attachment(NamedTuple):
    """How a container is attended.

    Attributes:
        streams: those that are passed on: of `stdin`, `stdout`, `stderr`.
        tty: whether the container has a terminal.
        sig_proxy: whether signals that we get are the container's.
    """

    streams: frozenset[str]
    tty: bool = False
    sig_proxy: bool = True

    def check(self) -> None:
        """See that what should be read can be.

        Raises:
            NoTerminal: the container has a terminal, and our input is none.
        """
        if self.tty and "stdin" in self.streams and not sys.stdin.isatty():
            raise NoTerminal("cannot attach stdin to a TTY-enabled container because stdin is not a terminal")

    def plumbing(self) -> Plumbing:
        """What leads from our streams to the container's."""
        sys.stdout.flush()
        sys.stderr.flush()
        return Plumbing(
            _STDIN if "stdin" in self.streams else None,
            self._sink("stdout", _STDOUT),
            self._sink("stderr", _STDERR),
            tty=self.tty,
            size=(size_of(_STDOUT) or size_of(_STDIN)) if self.tty else None,
        )

    def _sink(self, name: str, descriptor: int) -> Sink:
        return sink_of(descriptor) if name in self.streams else discard


def attend(attachment: Attachment, begin: Callable[[Callable[[], Plumbing]], Supervision]) -> int:
    """Start a container and stay with it until its end.

    Args:
        attachment: how.
        begin: starts it with the streams that it is told how to make.

    Returns:
        Its exit code.

    Raises:
        StartFailed: it did not start.
        ShaleError: it could not even be tried.
    """
    attachment.check()
    with ExitStack() as stack:
        relay = stack.enter_context(relayed_signals()) if attachment.sig_proxy else None
        made: list[Plumbing] = []

        def plumbing() -> Plumbing:
            made.append(attachment.plumbing())
            return made[0]

        supervision = begin(plumbing)
        if relay is not None:
            relay.to(_Front(supervision, made[0]).signal)
        supervision.began()
        for note in supervision.notes:
            remark(note)
        if attachment.tty and "stdin" in attachment.streams:
            stack.enter_context(raw_mode(_STDIN))
        return supervision.wait()


class _Front:
    """A container as signals reach it: the size of a terminal goes before the news of it."""

    def __init__(self, supervision: Supervision, plumbing: Plumbing) -> None:
        self._supervision = supervision
        self._plumbing = plumbing
        self._asked = 0

    def signal(self, number: int) -> None:
        if number == signal.SIGWINCH:
            size = size_of(_STDOUT) or size_of(_STDIN)
            if size is not None:
                self._plumbing.resize(size)
        elif number in (signal.SIGINT, signal.SIGTERM):
            self._asked += 1
            if self._asked == _ENOUGH:
                complain(f"got {_ENOUGH} SIGTERM/SIGINTs, ending the container")
                self._supervision.end()
                return
        self._supervision.signal(number)
