"""Making connections: bounded, cancellable, and never to where only a trick would lead."""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import socket
import time
from typing import Any

from shale.registry.client.cancel import SLICE, Cancellation
from shale.registry.client.failures import ConnectFailed, ConnectionRefused, HostUnknown, RefusedTarget

__all__ = ["open_socket"]


def open_socket(host: str, port: int, limit: float, cancel: Cancellation) -> socket.socket:
    """Connect to a host, trying its addresses in order.

    Args:
        host: a name, or an address, in brackets or not.
        port: the port there.
        limit: seconds for all addresses together.
        cancel: ends the wait.

    Raises:
        HostUnknown: the name has no address.
        ConnectionRefused: nobody listens at any of its addresses.
        ConnectFailed: unreachable, or not in time.
        RefusedTarget: a name that resolves to link-local addresses (a cloud's metadata service).
        Stopped: cancelled.
    """
    bare = host.strip("[]")
    try:
        # Given a str, Python would import the tables of international names first.
        name = bare.encode() if bare.isascii() else bare
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise ConnectFailed(f"cannot look up the host {host!r} now: {error.strerror}") from error
        raise HostUnknown(f"cannot find the host {host!r}: {error.strerror}; check the name") from error
    except UnicodeError as error:
        raise HostUnknown(f"{host!r} is not a host name") from error
    addresses = [each for each in found if not _sneaks_link_local(bare, str(each[4][0]))]
    if not addresses:
        raise RefusedTarget(f"{host!r} is a link-local address, which no registry has")
    deadline = time.monotonic() + limit
    reason, refused = "no address", True
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        patience = (deadline - time.monotonic()) / (len(addresses) - number)
        sock = socket.socket(family, kind, protocol)
        try:
            _connect(sock, address, max(patience, 0.05), cancel)
        except OSError as error:
            sock.close()
            reason = error.strerror or str(error)
            refused = refused and error.errno == errno.ECONNREFUSED
        except BaseException:
            sock.close()
            raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(limit)
            return sock
    failure = ConnectionRefused if refused else ConnectFailed
    raise failure(f"cannot connect to {host}:{port}: {reason.lower()}")


def _sneaks_link_local(host: str, address: str) -> bool:
    """Whether a name, not a literal address, leads to a link-local one."""
    return host != address and ipaddress.ip_address(address.partition("%")[0]).is_link_local


def _connect(sock: socket.socket, address: Any, patience: float, cancel: Cancellation) -> None:
    sock.settimeout(0.0)
    code = sock.connect_ex(address)
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, os.strerror(code))
    deadline = time.monotonic() + patience
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while code:
        cancel.check()
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, "no answer in time")
        if poll.poll(int(min(left, SLICE) * 1000) + 1):
            break
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
