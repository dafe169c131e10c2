"""Connections whose every wait is bounded and can be cancelled: what shale adds to urllib3's.

A plain socket timeout bounds one wait, so a server that sends a byte every ten seconds holds a client for
ever. Here each wait is cut into slices (to notice a cancellation), and over every `stall` seconds of waiting
at least `MIN_PROGRESS` bytes must move, headers included.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from shale.registry.client.cancel import Cancellation
from shale.registry.client.dialing import SLICE, open_socket

__all__ = ["Wire", "pool_classes"]

MIN_PROGRESS: Final = 1024
"""Bytes that must move per stall period."""
_BUFFER: Final = 64 * 1024
_MAX_HEAD: Final = 1024 * 1024
_UNTOLD: Final = 60.0


@dataclass(frozen=True, slots=True)
class Wire:
    """What every connection of one transport shares.

    Attributes:
        cancel: stops all of them.
        connect: seconds for a connection to come about.
        stall: seconds of waiting within which some bytes must be sent.
    """

    cancel: Cancellation
    connect: float
    stall: float


class _Pace:
    """Counts time spent waiting against bytes that moved."""

    __slots__ = ("_allowed", "_bytes", "_cancel", "_waited", "_whole")

    def __init__(self, cancel: Cancellation, allowed: float, *, whole: int = 0) -> None:
        """Begin to count.

        Args:
            cancel: ends every wait.
            allowed: seconds of waiting per period.
            whole: where not 0, there is one period only, and no more than these bytes may move in it.
        """
        self._cancel = cancel
        self._allowed = allowed
        self._waited = 0.0
        self._bytes = 0
        self._whole = whole

    def go_on(self) -> None:
        """The one period is over: from here on only the pace counts."""
        self._whole, self._waited, self._bytes = 0, 0.0, 0

    def move(self, sock: socket.socket, step: Callable[[], int]) -> int:
        """Do one receive or send, in slices.

        Raises:
            TimeoutError: too little moved for too long.
            Stopped: cancelled.
        """
        while True:
            self._cancel.check()
            begun = time.monotonic()
            sock.settimeout(min(SLICE, self._allowed))
            try:
                count = step()
            except (TimeoutError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                count = -1
            self._waited += time.monotonic() - begun
            self._bytes += max(count, 0)
            if self._whole and self._bytes > self._whole:
                raise http.client.HTTPException("the head of the answer does not end")
            if self._waited >= self._allowed:
                if (self._whole or self._bytes < MIN_PROGRESS) and count != 0:
                    raise TimeoutError("timed out")
                self._waited, self._bytes = 0.0, 0
            if count >= 0:
                return count


class _PacedReader(io.RawIOBase):
    """The receiving half of a socket, paced; stands where `socket.makefile` would."""

    def __init__(self, sock: socket.socket, pace: _Pace) -> None:
        super().__init__()
        self._sock = sock
        self._pace = pace
        # Holds the descriptor open: http.client closes its socket while the body is still to be read.
        self._held = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return self._pace.move(self._sock, lambda: self._sock.recv_into(buffer))

    def close(self) -> None:
        self._held.close()
        super().close()


class _ReadSide:
    """What http.client's response needs of a socket."""

    __slots__ = ("_pace", "_sock")

    def __init__(self, sock: socket.socket, pace: _Pace) -> None:
        self._sock = sock
        self._pace = pace

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_PacedReader(self._sock, self._pace), _BUFFER)


class _PacedResponse(http.client.HTTPResponse):
    """A response whose head is bounded in time and size: also by a server that says 100 Continue for ever."""

    def __init__(self, sock: socket.socket, cancel: Cancellation, *args: Any, **kwargs: Any) -> None:
        # urllib3 sets the read timeout of this request on the socket before the response is made.
        self._pace = _Pace(cancel, sock.gettimeout() or _UNTOLD, whole=_MAX_HEAD)
        super().__init__(_ReadSide(sock, self._pace), *args, **kwargs)  # type: ignore[arg-type]

    def begin(self) -> None:
        super().begin()
        self._pace.go_on()


def pool_classes(wire: Wire) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools by scheme, for `PoolManager.pool_classes_by_scheme`."""

    class Plain(_PacedConnection, HTTPConnection):  # type: ignore[misc]
        shared = wire

    class Secure(_PacedConnection, HTTPSConnection):  # type: ignore[misc]
        shared = wire

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _PacedConnection:
    """Mixed into urllib3's connections: paced connecting, sending and receiving."""

    shared: Wire
    sock: Any
    _dns_host: str
    port: int
    is_verified: bool

    _handshake: ExitStack

    def _new_conn(self) -> socket.socket:
        # urllib3 has no public hook for this; its own subclasses (SOCKS) override the same method.
        sock = open_socket(self._dns_host, self.port, self.shared.connect, self.shared.cancel)
        self._handshake.enter_context(self.shared.cancel.interrupting(sock))
        return sock

    def connect(self) -> None:
        """Connect, and shake hands where it is TLS."""
        with ExitStack() as self._handshake:
            super().connect()  # type: ignore[misc]
        # urllib3 warns where this is false. The configuration asked for an unverified registry, and a
        # library does not write to anybody's terminal; nothing else reads this.
        self.is_verified = True

    def response_class(self, sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
        """The response on this connection: http.client calls this as if it were the class."""
        return _PacedResponse(sock, self.shared.cancel, *args, **kwargs)

    def send(self, data: Any) -> None:
        """Send all of some bytes."""
        if self.sock is None:
            self.connect()
        sock, view = self.sock, memoryview(data)
        pace = _Pace(self.shared.cancel, self.shared.stall)
        while view:
            view = view[pace.move(sock, lambda rest=view: sock.send(rest)) :]  # type: ignore[misc]
