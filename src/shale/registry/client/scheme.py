"""Whether a host speaks https or http, where both are allowed, and remembering the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shale.registry.client.addresses import is_loopback, split_host
from shale.registry.client.endpoint import Endpoint
from shale.registry.client.failures import ConnectFailed, ConnectionCut, NoTls
from shale.registry.client.response import Response

__all__ = ["Schemes"]

_HTTPS: Final = "https"
_HTTP: Final = "http"


class Schemes:
    """What each host speaks; safe to use from threads."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def possible(self, endpoint: Endpoint) -> tuple[str, ...]:
        """What the endpoint may be spoken to in: one of them once it is known."""
        if not endpoint.plain_http:
            return (_HTTPS,)
        known = self._known.get(endpoint.host)
        if known is not None:
            return (known,)
        here = is_loopback(split_host(endpoint.host)[0])
        return (_HTTP, _HTTPS) if here else (_HTTPS, _HTTP)

    def reach(self, endpoint: Endpoint, request: Callable[[str], Response]) -> Response:
        """Do a request with the right scheme; the first one to a host may be done twice.

        http comes first on loopback, where registries have no TLS, and https elsewhere. The first request
        carries no credentials, so trying http gives nothing away but its path.

        Args:
            endpoint: where to.
            request: does the request, given `https` or `http`; it must be possible to do it twice.
        """
        schemes = self.possible(endpoint)
        if len(schemes) == 1:
            return request(schemes[0])
        first, second = schemes
        return self._find_out(endpoint.host, first, second, request)

    def _find_out(self, host: str, first: str, second: str, request: Callable[[str], Response]) -> Response:
        doubtful: Response | None = None
        failure: Exception | None = None
        try:
            response = request(first)
        except (ConnectFailed, ConnectionCut) as error:
            failure = error
        else:
            # A TLS server answers plain http with 400, in words that differ from server to server.
            if first != _HTTP or response.status != 400:
                self._known[host] = first
                return response
            doubtful = response
        try:
            response = request(second)
        except (ConnectFailed, ConnectionCut) as error:
            if doubtful is not None:
                self._known[host] = first
                return doubtful
            # A plain answer to TLS says more than that nobody listens on the other port.
            raise (error if isinstance(failure, NoTls) else failure) or error from error
        if doubtful is not None:
            doubtful.close()
        self._known[host] = second
        return response
