"""Where a request goes on the network: what connections are kept by."""

from __future__ import annotations

from typing import Final, Self
from urllib.parse import unquote, urlsplit

import msgspec

from shale.registry.client.endpoint import Tls
from shale.registry.client.failures import BadAnswer, origin_of
from shale.registry.client.head import request_target

__all__ = ["Place"]

_PORTS: Final = {"http": 80, "https": 443}


class Place(msgspec.Struct, frozen=True):
    """One origin, and how to get there.

    Attributes:
        scheme: `http` or `https`.
        host: a name or an address, without brackets.
        port: the port there.
        tls: how https is checked; None for http.
        proxy: the URL of the proxy on the way; None where there is none.
    """

    scheme: str
    host: str
    port: int
    tls: Tls | None = None
    proxy: str | None = None

    @classmethod
    def of(cls, url: str, tls: Tls | None = None, proxy: str | None = None) -> Self:
        """The place of a URL.

        Raises:
            BadAnswer: it has no host, or its port is not a port.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0 or not parts.hostname or parts.scheme not in _PORTS:
            raise BadAnswer(f"{origin_of(url)} is not where a registry can be")
        secure = parts.scheme == "https"
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], tls if secure else None, proxy)

    @property
    def authority(self) -> str:
        """Host and port as CONNECT wants them (RFC 9112 section 3.2.3)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, for errors."""
        return f"{self.scheme}://{self.host_field}"

    @property
    def host_field(self) -> str:
        """The value of Host: without the port where that is the usual one (RFC 9110 section 7.2)."""
        return self.authority.removesuffix(f":{_PORTS[self.scheme]}")

    @property
    def is_relayed(self) -> bool:
        """Whether a proxy reads the requests: it gets whole URLs, and the proof of who we are to it."""
        return self.proxy is not None and self.scheme == "http"

    def target(self, url: str) -> str:
        """What stands in the first line of a request for a URL here (RFC 9112 section 3.2)."""
        parts = urlsplit(url)
        path = request_target((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return f"{self.origin}{path}" if self.is_relayed else path

    @property
    def proxy_headers(self) -> dict[str, str]:
        """What proves to the proxy who we are; empty where its URL holds nothing."""
        user, at, _ = urlsplit(self.proxy or "").netloc.rpartition("@")
        if not at:
            return {}
        import binascii  # noqa: PLC0415 - hardly any proxy wants a password

        proof = binascii.b2a_base64(unquote(user).encode(), newline=False).decode()
        return {"Proxy-Authorization": f"Basic {proof}"}
