"""TLS inside TLS: to a registry through a proxy that speaks TLS itself."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from shale.registry.client.wire import Socket

__all__ = ["NestedTls"]

T = TypeVar("T")

_BLOCK: Final = 64 * 1024


class NestedTls:
    """What `ssl.SSLSocket` is on a plain socket, on one that speaks TLS already: Python wraps no such socket.

    Args:
        outer: the connection to the proxy; its timeout bounds every wait.
        context: how to speak to the registry.
        host: the registry's name, for its certificate.

    Raises:
        ssl.SSLError, TimeoutError, OSError: the handshake failed.
    """

    def __init__(self, outer: Socket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._unsent = memoryview(b"")
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._run(self._tls.do_handshake)
        self._flush()

    def recv(self, limit: int) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            TimeoutError: nothing came in time.
        """
        try:
            return self._run(lambda: self._tls.read(limit))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def send(self, data: memoryview) -> int:
        """Take bytes to send.

        Raises:
            TimeoutError: what was taken before does not go out; nothing was taken.
        """
        count = self._run(lambda: self._tls.write(data[:_BLOCK]))
        # What was taken is on its way: it must not be offered again because the proxy is slow.
        with suppress(TimeoutError):
            self._flush()
        return count

    def _run(self, step: Callable[[], T]) -> T:
        while True:
            self._flush()
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                if found := self._outer.recv(_BLOCK):
                    self._incoming.write(found)
                else:
                    self._incoming.write_eof()

    def _flush(self) -> None:
        while self._unsent or self._outgoing.pending:
            if not self._unsent:
                self._unsent = memoryview(self._outgoing.read())
            self._unsent = self._unsent[self._outer.send(self._unsent) :]

    def gettimeout(self) -> float | None:
        """Seconds that a wait may take."""
        return self._outer.gettimeout()

    def settimeout(self, seconds: float) -> None:
        """Change that."""
        self._outer.settimeout(seconds)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._outer.fileno()

    def close(self) -> None:
        """Close the connection to the proxy."""
        self._outer.close()
