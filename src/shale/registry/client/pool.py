"""Connections that are kept for the next request to the same place."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from shale.registry.client.connection import Connection
from shale.registry.client.endpoint import Tls
from shale.registry.client.failures import ConnectFailed, ConnectionRefused
from shale.registry.client.opening import open_channel
from shale.registry.client.place import Place
from shale.registry.client.wire import Wire

if TYPE_CHECKING:
    import ssl

__all__ = ["Pool"]

_PLACES: Final = 32
"""Places at most for which connections are kept: redirects may lead to any number of them."""


class Pool:
    """Opens connections and keeps those that can be used again; safe to use from threads.

    Args:
        wire: bounds of every wait.
        kept: connections kept for each place at most.
    """

    def __init__(self, wire: Wire, kept: int) -> None:
        self._wire = wire
        self._kept = kept
        self._idle: dict[Place, list[Connection]] = {}
        self._contexts: dict[Tls, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._closed = False

    def take(self, place: Place) -> Connection:
        """A connection to a place, for one request.

        Raises:
            ShaleError: see `open_channel`.
        """
        while (kept := self._next_idle(place)) is not None:
            if kept.is_fresh:
                return kept
            kept.close()
        try:
            channel = open_channel(place, self._wire, self)
        except ConnectionRefused as refusal:
            if place not in self._idle:
                raise
            # It answered before, so it is being started anew: that is worth waiting for.
            raise ConnectFailed(refusal.message) from refusal
        return Connection(channel, lambda connection: self._keep(place, connection))

    def context(self, tls: Tls) -> ssl.SSLContext:
        """How TLS is spoken with some settings; made once, because reading the system's authorities takes long.

        Raises:
            UntrustedServer: see `tls_context`.
        """
        from shale.registry.client.tls import tls_context  # noqa: PLC0415 - a registry on loopback has none

        with self._lock:
            found = self._contexts.get(tls)
            if found is None:
                found = self._contexts[tls] = tls_context(tls)
            return found

    def close(self) -> None:
        """Close all kept connections, and keep none from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, {}
        for kept in idle.values():
            for connection in kept:
                connection.close()

    def _next_idle(self, place: Place) -> Connection | None:
        with self._lock:
            kept = self._idle.get(place)
            return kept.pop() if kept else None

    def _keep(self, place: Place, connection: Connection) -> None:
        surplus: list[Connection] = []
        with self._lock:
            kept = self._idle.setdefault(place, [])
            if len(kept) < self._kept and not self._closed:
                kept.append(connection)
            else:
                surplus.append(connection)
            if len(self._idle) > _PLACES:
                oldest = next(iter(self._idle))
                surplus += self._idle.pop(oldest)
        for each in surplus:
            each.close()
