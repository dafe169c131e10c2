"""Signals that this process gets while it waits for a container: they are the container's.

Stopping and continuing (ctrl-z) stays with this process, as do the signals that say that it is broken. SIGKILL
cannot be passed on: whoever sends it leaves the container behind, and the next command sees that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

__all__ = ["SignalRelay", "relayed_signals"]

_RELAYED: Final = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGALRM, signal.SIGWINCH,
)  # fmt: skip


class SignalRelay:
    """Passes signals on, and keeps those that come before there is anybody to pass them to."""

    def __init__(self) -> None:
        self._early: list[int] = []
        self._target: Callable[[int], None] = self._early.append

    def to(self, target: Callable[[int], None]) -> None:
        """Pass on what came so far, and everything from now on."""
        self._target = target
        while self._early:
            target(self._early.pop(0))

    def pass_on(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as handlers are called
        """Handle a signal."""
        self._target(number)


@contextmanager
def relayed_signals() -> Iterator[SignalRelay]:
    """From here to the end of the block no signal ends this process; for the main thread."""
    relay = SignalRelay()
    before = {number: signal.signal(number, relay.pass_on) for number in _RELAYED}
    try:
        yield relay
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
