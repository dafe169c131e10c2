"""`--network` and `--dns`: where a container finds others."""

from __future__ import annotations

from shale.errors import Invalid, Unsupported
from shale.runtime.wishes import Network

__all__ = ["InvalidAddress", "parse_address", "parse_network"]


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
            f"network {text!r} is not supported yet: there are --network none (the default) and --network host"
        ) from None


def parse_address(text: str) -> str:
    """An address of `--dns`.

    Raises:
        InvalidAddress: it is none.
    """
    import ipaddress  # noqa: PLC0415 - few containers have such a flag

    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise InvalidAddress(f"invalid IP address: {text}") from None
