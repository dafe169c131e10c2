"""Proxies from the usual variables, as Go's net/http reads them (golang.org/x/net/http/httpproxy).

HTTP_PROXY and HTTPS_PROXY name a proxy by the scheme of the target, ALL_PROXY for both (curl's, not Go's);
each also in lower case, the upper case first. NO_PROXY lists what is asked directly, separated by commas:

    *                        everything
    example.com              that name and all below it
    .example.com             all below it, not the name itself; *.example.com is the same
    10.0.0.1   [::1]         an address
    10.0.0.0/8  fd00::/8     a network
    example.com:5000         any of the names and addresses, on that port only

This machine (localhost, 127.0.0.0/8, ::1) is never asked through a proxy. An entry that makes no sense is
passed over, as everywhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from shale.errors import Invalid, Unsupported
from shale.registry.client.addresses import InvalidHost, is_loopback, split_host

__all__ = ["InvalidProxy", "Proxies", "UnsupportedProxy"]

_PORTS: Final = {"http": 80, "https": 443}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class InvalidProxy(Invalid):
    """A proxy variable does not hold the URL of a proxy."""


class UnsupportedProxy(Unsupported):
    """A proxy speaks a protocol that shale does not."""


class _Exception(msgspec.Struct, frozen=True):
    """One entry of NO_PROXY: a network, or a name that begins with a dot."""

    suffix: str = ""
    itself: bool = False
    network: _Network | None = None
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            named = host.endswith(self.suffix) or (self.itself and host == self.suffix[1:])
            return self.network is None and named
        return self.network is not None and address in self.network


class Proxies(msgspec.Struct, frozen=True):
    """Which proxy to use for what. Made by `from_environ`.

    Attributes:
        by_scheme: scheme of the target to the proxy's URL, which may hold a password.
        never: NO_PROXY was `*`.
        exceptions: the entries of NO_PROXY.
    """

    by_scheme: Mapping[str, str] = msgspec.field(default_factory=dict)
    never: bool = False
    exceptions: tuple[_Exception, ...] = ()

    def __repr__(self) -> str:
        return f"Proxies({', '.join(self.by_scheme) or 'none'})"  # their URLs may hold passwords

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables.

        Raises:
            InvalidProxy: a variable holds no URL; the message names it, without the password.
        """
        fallback = _variable(environ, "ALL_PROXY")
        by_scheme = {}
        for scheme, name in (("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY")):
            # In a CGI program HTTP_PROXY is a header of the request, chosen by who sent it (CVE-2016-5386).
            distrusted = name == "HTTP_PROXY" and "REQUEST_METHOD" in environ
            found = fallback if distrusted else _variable(environ, name) or fallback
            if found:
                by_scheme[scheme] = found
        entries = [entry.strip().lower() for entry in _raw(environ, "NO_PROXY").split(",")]
        exceptions = [_exception(entry) for entry in entries if entry]
        return cls(by_scheme, "*" in entries, tuple(entry for entry in exceptions if entry is not None))

    def proxy_for(self, url: str) -> str | None:
        """The URL of the proxy to ask for this URL; None to go there directly.

        Raises:
            UnsupportedProxy: the proxy to use speaks neither http nor https.
            InvalidHost: the URL has a port that is not a number.
        """
        parts = urlsplit(url)
        host, port = split_host(parts.netloc.rpartition("@")[2])
        return self.proxy_for_host(parts.scheme, host, port or _PORTS.get(parts.scheme, 0))

    def proxy_for_host(self, scheme: str, host: str, port: int) -> str | None:
        """The URL of the proxy to ask for a host; None to go there directly.

        Args:
            scheme: `http` or `https`.
            host: a name or an address, without brackets.
            port: the port there.

        Raises:
            UnsupportedProxy: the proxy to use speaks neither http nor https.
        """
        host = host.lower()
        proxy = self.by_scheme.get(scheme)
        if proxy is None or self.never or is_loopback(host):
            return None
        if any(exception.covers(host.rstrip("."), port) for exception in self.exceptions):
            return None
        spoken = urlsplit(proxy).scheme
        if spoken not in _PORTS:
            raise UnsupportedProxy(
                f"the proxy for {scheme} speaks {spoken}, and only http and https proxies are supported; "
                f"set {scheme.upper()}_PROXY to one of these, or add {host} to NO_PROXY"
            )
        return proxy


def _raw(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "") or environ.get(name.lower(), "")


def _variable(environ: Mapping[str, str], name: str) -> str:
    text = _raw(environ, name).strip()
    if not text:
        return ""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        split_host(parts.netloc.rpartition("@")[2])
    except (ValueError, InvalidHost) as error:
        raise InvalidProxy(f"{name} does not hold the URL of a proxy, as in http://proxy:3128") from error
    return url


def _exception(entry: str) -> _Exception | None:
    if "/" in entry:
        try:
            return _Exception(network=ipaddress.ip_network(entry, strict=False))
        except ValueError:
            return None
    try:
        host, port = split_host(entry)
    except InvalidHost:
        return None
    try:
        return _Exception(network=ipaddress.ip_network(host), port=port)
    except ValueError:
        pass
    host = host.removeprefix("*")
    if host in ("", "."):
        return None
    return _Exception(suffix="." + host.lstrip("."), itself=not host.startswith("."), port=port)
