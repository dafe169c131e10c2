"""One request and its answer, over connections that are kept: no credentials, no retries.

Redirects are followed here: never from https to http unless the endpoint may speak http, never to a link-local
address, and `Authorization` and client certificates stay with the origin they were meant for.
"""

from __future__ import annotations

from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import Endpoint, Tls
from shale.registry.client.failures import BadAnswer, origin_of
from shale.registry.client.place import Place
from shale.registry.client.pool import Pool
from shale.registry.client.redirects import MAX_REDIRECTS, next_hop
from shale.registry.client.request import Body, Request
from shale.registry.client.response import Response
from shale.registry.client.wire import Wire

__all__ = ["ProxySource", "Timeouts", "Transport"]

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests say how long their body is even where they have none (RFC 9110 section 8.6)."""


class ProxySource(Protocol):
    """Where proxies are looked up."""

    def proxy_for(self, url: str) -> str | None:
        """The proxy's URL for a target URL; None to go there directly."""


class Timeouts(msgspec.Struct, frozen=True):
    """How long to wait, in seconds.

    Attributes:
        connect: for a connection.
        stall: for bytes to move, in either direction.
        commit: for the answer to the end of an upload: registries copy the blob before they answer.
    """

    connect: float = 15.0
    stall: float = 30.0
    commit: float = 300.0


class Transport:
    """Sends requests and follows redirects; safe to use from threads, connections are kept between requests.

    Args:
        agent: the value of User-Agent.
        cancel: stops every request.
        proxies: which proxy to use for what.
        timeouts: bounds of every wait.
        connections: connections kept for each origin.
    """

    def __init__(
        self,
        *,
        agent: str,
        cancel: Cancellation,
        proxies: ProxySource | None = None,
        timeouts: Timeouts | None = None,
        connections: int = 16,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self._agent = agent
        self._proxies = proxies
        self._pool = Pool(Wire(cancel, self.timeouts.connect, self.timeouts.stall), connections)
        self._cancel = cancel

    def close(self) -> None:
        """Close all kept connections."""
        self._pool.close()

    def request(self, endpoint: Endpoint, request: Request) -> Response:
        """Send a request, and follow the redirects of its answer.

        Args:
            endpoint: on whose behalf: decides on TLS, and on whether http may be spoken.
            request: what to send.

        Raises:
            Transient: and its subclasses, for failures that may pass.
            HostUnknown, UntrustedServer, RefusedTarget, BadAnswer: for those that do not.
            Stopped: cancelled.
        """
        origin = request.url
        for _ in range(MAX_REDIRECTS + 1):
            tls = endpoint.tls
            if urlsplit(request.url).netloc.lower() != endpoint.host.lower():
                tls = replace(tls, client_pairs=())
            response = self._once(tls, request)
            try:
                following = next_hop(endpoint, request, response.status, response.header("location"))
            except BaseException:
                response.close()
                raise
            if following is None:
                return response
            response.close()
            request = following
        raise BadAnswer(f"{origin_of(origin)} redirects more than {MAX_REDIRECTS} times")

    def _once(self, tls: Tls, request: Request) -> Response:
        self._cancel.check()
        url = request.url
        place = Place.of(url, tls, self._proxies.proxy_for(url) if self._proxies else None)
        headers = {"Host": place.host_field, "User-Agent": self._agent, "Accept-Encoding": "identity"}
        headers.update(request.headers)
        if place.is_relayed:
            headers.update(place.proxy_headers)
        body = request.body
        if body is not None or request.method in _WITH_BODY:
            headers["Content-Length"] = str(_length(body))
        connection = self._pool.take(place)
        try:
            answer = connection.ask(
                request.method,
                place.target(url),
                headers,
                body.chunks() if body is not None and not isinstance(body, bytes) else body,
                request.patience or self.timeouts.stall,
            )
        except BaseException:
            connection.close()
            raise
        return Response(answer, url)


def _length(body: bytes | Body | None) -> int:
    return len(body) if isinstance(body, bytes) else body.length if body is not None else 0
