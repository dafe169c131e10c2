"""Opening a connection: directly or through a proxy, with TLS where that is spoken."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from shale.registry.client.breakage import breakage
from shale.registry.client.dialing import open_socket
from shale.registry.client.endpoint import Tls
from shale.registry.client.failures import ConnectFailed, printable
from shale.registry.client.head import read_head, request_head
from shale.registry.client.place import Place
from shale.registry.client.wire import Channel, Socket, Wire

if TYPE_CHECKING:
    import ssl

__all__ = ["Contexts", "open_channel"]


class Contexts(Protocol):
    """Where TLS settings are turned into contexts, which takes long: they are kept."""

    def context(self, tls: Tls) -> ssl.SSLContext:
        """The context for some settings."""


def open_channel(place: Place, wire: Wire, contexts: Contexts) -> Channel:
    """Connect to a place.

    Raises:
        ConnectFailed, ConnectionCut, TransferStalled, NoTls: it does not work, but may another time.
        HostUnknown, RefusedTarget, UntrustedServer: it will not work.
        Stopped: cancelled.
    """
    proxy = Place.of(place.proxy, Tls()) if place.proxy is not None else None
    first = proxy or place
    sock = open_socket(first.host, first.port, wire.connect, wire.cancel)
    with ExitStack() as undo:
        undo.callback(sock.close)
        with wire.cancel.interrupting(sock):
            spoken: Socket = sock
            if first.tls is not None:
                spoken = _with_tls(sock, first.tls, first, wire, contexts)
                undo.callback(spoken.close)
            if proxy is not None and place.tls is not None:
                _ask_for_tunnel(Channel(spoken, wire, proxy.origin), place, wire)
                spoken = _with_tls(spoken, place.tls, place, wire, contexts)
        undo.pop_all()
        return Channel(spoken, wire, place.origin)


def _with_tls(sock: Socket, tls: Tls, place: Place, wire: Wire, contexts: Contexts) -> Socket:
    context = contexts.context(tls)
    host = place.host.rstrip(".")
    try:
        sock.settimeout(wire.connect)
        if type(sock) is socket.socket:
            return context.wrap_socket(sock, server_hostname=host)
        from shale.registry.client.nested import NestedTls  # noqa: PLC0415 - hardly any proxy speaks TLS itself

        return NestedTls(sock, context, host)
    except (OSError, ValueError) as error:
        # A cancellation shuts the socket down, which looks like many things.
        wire.cancel.check()
        if isinstance(error, OSError):
            raise breakage(error, place.origin) from error
        raise ConnectFailed(f"{place.origin}: no certificate can be for {host!r}: {error}") from error


def _ask_for_tunnel(channel: Channel, place: Place, wire: Wire) -> None:
    """Let a proxy connect us to a place (RFC 9110 section 9.3.6)."""
    headers = {"Host": place.authority, **place.proxy_headers}
    try:
        channel.send(request_head("CONNECT", place.authority, headers))
    except OSError as error:
        raise breakage(error, channel.where) from error
    pace = channel.pace(wire.connect)
    head = read_head(lambda: channel.line(pace), channel.where)
    if not 200 <= head.status < 300:
        raise ConnectFailed(
            f"cannot connect to {place.authority}: the proxy {channel.where} answers {head.status} "
            f"{printable(head.reason, 80)}".rstrip()
        )
    if channel.has_unread:
        raise ConnectFailed(f"the proxy {channel.where} speaks where {place.authority} should")
