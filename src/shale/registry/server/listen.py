"""The address to listen on, as an operator writes it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

from shale.errors import Invalid

__all__ = ["InvalidListen", "Listen"]

_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9.-]*)):(?P<port>[0-9]{1,5})\Z")


class InvalidListen(Invalid):
    """A text is not an address to listen on."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Host and port to listen on.

    Attributes:
        host: a name or an address; empty for all addresses of the machine, which must be asked for.
        port: 0 to 65535; 0 takes a free one.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.

        Raises:
            InvalidListen: it is none of these.
        """
        match = _ADDRESS.match(text)
        if match is None or int(match["port"]) > 65535:
            raise InvalidListen(
                f"invalid address {text[:200]!r}: expected HOST:PORT, for example 127.0.0.1:5000"
            )
        return cls(match["six"] or match["host"] or "", int(match["port"]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
