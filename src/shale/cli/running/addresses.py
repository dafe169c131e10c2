"""`--network`, `--dns` and `--add-host`: where a container finds others."""

from __future__ import annotations

import ipaddress

from shale.errors import Invalid, Unsupported
from shale.runtime.wishes import Network

__all__ = ["InvalidAddress", "parse_address", "parse_host", "parse_network"]

_GATEWAY = "host-gateway"


class InvalidAddress(Invalid):
    """A flag does not hold the address that it should."""


def parse_network(text: str) -> Network:
    """The network that a container sees.

    Raises:
        Unsupported: one that is neither the host's nor none.
    """
    try:
        return Network(text)
    except ValueError:
        raise Unsupported(
            f"network {text!r} is not supported: there are --network none (the default) and --network host"
        ) from None


def parse_address(text: str) -> str:
    """An address of `--dns`.

    Raises:
        InvalidAddress: it is none.
    """
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise InvalidAddress(f"invalid IP address: {text}") from None


def parse_host(text: str) -> tuple[str, str]:
    """Read `--add-host`: `name:address` or `name=address`, an IPv6 address with brackets or without.

    Raises:
        InvalidAddress: malformed.
    """
    mark = "=" if "=" in text else ":"
    name, found, address = text.partition(mark)
    if not found or not name:
        raise InvalidAddress(f'bad format for add-host: "{text}"')
    if address == _GATEWAY:
        return name, address
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise InvalidAddress(f'invalid IP address in add-host: "{address}"') from None
    return name, address
