"""Hosts as text: splitting off the port, and telling what a literal address reaches without asking DNS.

A name other than `localhost` is never resolved here: an answer given now need not be the one that the
connection gets later.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from enum import Enum
from typing import Final

from shale.errors import Invalid

__all__ = ["InvalidHost", "Reach", "Target", "is_loopback", "reach_of", "split_host"]

Target = tuple[str, int | None]
"""A host in lower case, an IPv6 address without its brackets, and a port or None."""

_PORT: Final = re.compile(r"[0-9]{1,5}\Z")
# inet_aton(3) also takes 127.1, 0x7f000001 and 2130706433, and so does every connect that is given a name.
_NUMERIC: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]+)){0,3}\Z")


class InvalidHost(Invalid):
    """A text is not a host, perhaps with a port."""


class Reach(Enum):
    """What an address leads to."""

    LOOPBACK = "this machine"
    LINK_LOCAL = "the local link, where clouds keep their metadata services"
    PRIVATE = "a private network"
    PUBLIC = "the internet, or a name that only DNS knows"


def split_host(text: str) -> Target:
    """Split `host[:port]`, `[v6]`, `[v6]:port` or a bare IPv6 address.

    Raises:
        InvalidHost: no host, or a port that is not a number from 1 to 65535.
    """
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidHost(f"{text!r} is not a host: the bracket of an IPv6 address is not closed")
        port = rest[1:] if rest else ""
        if rest and not port:
            raise InvalidHost(f"{text!r} is not a host: the port is empty")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise InvalidHost(f"{text!r} is not a host: the port is empty")
    if not host:
        raise InvalidHost(f"{text!r} is not a host: the name is empty")
    if not port:
        return host.lower(), None
    if not _PORT.match(port) or not 0 < int(port) < 65536:
        raise InvalidHost(f"{text!r} is not a host: a port is a number from 1 to 65535")
    return host.lower(), int(port)


def reach_of(host: str) -> Reach:
    """What a host leads to, as far as its text says.

    Args:
        host: a name or an address, without port and brackets.
    """
    host = host.lower().rstrip(".")
    if host == "localhost":
        return Reach.LOOPBACK
    address = _address(host)
    if address is None:
        return Reach.PUBLIC
    # Connecting to 0.0.0.0 or [::] reaches this machine on Linux.
    if address.is_loopback or address.is_unspecified:
        return Reach.LOOPBACK
    if address.is_link_local:
        return Reach.LINK_LOCAL
    return Reach.PUBLIC if address.is_global and not address.is_multicast else Reach.PRIVATE


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost`, 127.0.0.0/8 or ::1, without port and brackets."""
    return reach_of(host) is Reach.LOOPBACK


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if not _NUMERIC.match(host):
            return None
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address
