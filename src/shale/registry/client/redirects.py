"""Where a redirect may lead, and what goes along (RFC 9110 section 15.4; trials RF-7)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from shale.registry.client.addresses import Reach, reach_of
from shale.registry.client.endpoint import Endpoint
from shale.registry.client.failures import BadAnswer, RefusedTarget, origin_of, printable
from shale.registry.client.request import Request

__all__ = ["MAX_REDIRECTS", "next_hop", "resolve", "same_origin"]

MAX_REDIRECTS: Final = 10
_FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common: what credentials are good for."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme)


def resolve(endpoint: Endpoint, current: str, location: str) -> str:
    """The absolute URL of a Location header.

    Args:
        endpoint: whose answer it is.
        current: the URL that was asked.
        location: the header's value.

    Raises:
        BadAnswer: there is none, or it is not a URL.
        RefusedTarget: neither http nor https, http where that is not allowed, or a link-local address.
    """
    where = origin_of(current)
    if not location or len(location) > 16 * 1024 or not location.isprintable():
        raise BadAnswer(f"{where} sends us on without saying where")
    try:
        target = urljoin(current, location)
        parts = urlsplit(target)
        _ = parts.port
    except ValueError as error:
        raise BadAnswer(f"{where} sends us to {printable(location)!r}, which is not a URL") from error
    here = urlsplit(current)
    if (here.scheme, parts.scheme) == ("https", "http") and here.netloc == parts.netloc:
        # A registry behind a proxy that speaks TLS for it does not know its own scheme.
        target = "https" + target.removeprefix("http")
        parts = urlsplit(target)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RefusedTarget(f"{where} sends us to {printable(location)!r}: only http and https are followed")
    if parts.scheme == "http" and not endpoint.plain_http:
        raise RefusedTarget(
            f"{where} sends us to {origin_of(target)}, which is not encrypted; if that is meant, mark "
            f"{endpoint.host} as insecure in registries.conf"
        )
    if reach_of(parts.hostname) is Reach.LINK_LOCAL and not same_origin(current, target):
        raise RefusedTarget(f"{where} sends us to {origin_of(target)}: link-local addresses are not followed")
    return target


def next_hop(endpoint: Endpoint, request: Request, status: int, location: str) -> Request | None:
    """The request that an answer sends us on to; None where it is not a redirect.

    Raises:
        BadAnswer, RefusedTarget: see `resolve`.
    """
    if status not in _FOLLOWED or (request.method not in ("GET", "HEAD") and status not in (307, 308)):
        return None
    target = resolve(endpoint, request.url, location)
    headers = request.headers
    if not same_origin(request.url, target):
        if request.confidential:
            raise RefusedTarget(f"{origin_of(request.url)} sends our credentials on to {origin_of(target)}")
        headers = {key: value for key, value in headers.items() if key.lower() != "authorization"}
    return replace(request, url=target, headers=headers)
