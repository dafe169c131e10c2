"""One request and its answer, over connections that are kept: no credentials, no retries.

Redirects are followed here and not by urllib3, because the rules are ours: never from https to http unless
the endpoint may speak http, never to a link-local address, and `Authorization` and client certificates stay
with the origin they were meant for.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3

from shale.registry.client.breakage import BREAKAGE, breakage
from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import Endpoint, Tls
from shale.registry.client.failures import BadAnswer, origin_of
from shale.registry.client.redirects import MAX_REDIRECTS, next_hop
from shale.registry.client.request import Request
from shale.registry.client.response import Response
from shale.registry.client.tls import tls_context
from shale.registry.client.wire import Wire, pool_classes

__all__ = ["ProxySource", "Timeouts", "Transport"]


class ProxySource(Protocol):
    """Where proxies are looked up."""

    def proxy_for(self, url: str) -> str | None:
        """The proxy's URL for a target URL; None to go there directly."""


@dataclass(frozen=True, slots=True)
class Timeouts:
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
        self._connections = connections
        self._classes = pool_classes(Wire(cancel, self.timeouts.connect, self.timeouts.stall))
        self._cancel = cancel
        self._managers: dict[tuple[Tls | None, str | None], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all kept connections."""
        with self._lock:
            managers = tuple(self._managers.values())
            self._managers.clear()
        for manager in managers:
            # Clearing alone only forgets the pools: their sockets would stay open until Python collects them.
            for key in manager.pools.keys():  # noqa: SIM118 - iterating over the container itself is forbidden
                if (pool := manager.pools.get(key)) is not None:
                    pool.close()
            manager.clear()

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
        headers = {"User-Agent": self._agent, "Accept-Encoding": "identity", **request.headers}
        body = request.body
        if body is not None and not isinstance(body, bytes):
            headers["Content-Length"] = str(body.length)
            content: object = body.chunks()
        else:
            content = body
        timeout = urllib3.Timeout(connect=self.timeouts.connect, read=request.patience or self.timeouts.stall)
        try:
            raw = self._manager(tls, request.url).urlopen(
                request.method,
                request.url,
                headers=headers,
                body=content,
                redirect=False,
                retries=False,
                timeout=timeout,
                preload_content=False,
                decode_content=False,
            )
        except BREAKAGE as error:
            raise breakage(error, request.url) from error
        return Response(raw, request.url)

    def _manager(self, tls: Tls, url: str) -> urllib3.PoolManager:
        proxy = self._proxies.proxy_for(url) if self._proxies else None
        # Reading the system's authorities takes longer than a small pull: only where TLS is spoken.
        checks = tls if url.startswith("https:") else None
        with self._lock:
            manager = self._managers.get((checks, proxy))
            if manager is None:
                manager = self._managers[checks, proxy] = self._open_manager(checks, proxy)
            return manager

    def _open_manager(self, tls: Tls | None, proxy: str | None) -> urllib3.PoolManager:
        options: dict[str, Any] = {"num_pools": 32, "maxsize": self._connections}
        if tls is not None:
            options["ssl_context"] = tls_context(tls)
            options["assert_hostname"] = None if tls.verify else False
        manager: urllib3.PoolManager
        if proxy is None:
            manager = urllib3.PoolManager(**options)
        else:
            manager = urllib3.ProxyManager(proxy, proxy_headers=_proxy_headers(proxy), **options)
        manager.pool_classes_by_scheme = self._classes
        return manager


def _proxy_headers(proxy: str) -> dict[str, str] | None:
    auth = urllib3.util.parse_url(proxy).auth
    return dict(urllib3.make_headers(proxy_basic_auth=auth)) if auth else None
