"""Stopping work that other threads do: one switch, and waits that it ends.

Whoever starts an operation makes a `Cancellation`, hands it down, and calls `cancel` from a signal handler
or another thread. The network code looks at it at least twice a second wherever it waits.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from shale.errors import Cancelled

__all__ = ["SLICE", "Cancellation", "Stopped"]

SLICE: Final = 0.25
"""Seconds between looks at a cancellation, wherever the network is waited for."""


class Stopped(Cancelled):
    """The operation was stopped; what came so far is kept."""


class Cancellation:
    """A switch that turns once from running to cancelled; safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    def cancel(self) -> None:
        """Ask all work that was given this object to stop; returns at once."""
        self._event.set()
        with self._lock:
            sockets = tuple(self._sockets)
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def check(self) -> None:
        """Return while running.

        Raises:
            Stopped: after `cancel`.
        """
        if self._event.is_set():
            raise Stopped("stopped before it was done; run it again to continue")

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until `cancel`.

        Raises:
            Stopped: after `cancel`.
        """
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def interrupting(self, connection: socket.socket) -> Iterator[None]:
        """While inside, `cancel` ends whatever blocks on this connection (a TLS handshake, say)."""
        # A second descriptor, because wrapping a socket in TLS takes the first one away from its object.
        with connection.dup() as handle:
            with self._lock:
                self._sockets.add(handle)
            try:
                self.check()
                yield
            finally:
                with self._lock:
                    self._sockets.discard(handle)
