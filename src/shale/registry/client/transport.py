"""One request and its answer, over connections that are kept: no credentials, no retries.

Redirects are followed here and not by urllib3, because the rules are ours: never from https to http unless
the endpoint may speak http, never to a link-local address, and `Authorization` and client certificates stay
with the origin they were meant for.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import urllib3
from urllib3 import exceptions

from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import Endpoint, Tls
from shale.registry.client.failures import (
    AnswerTooLarge,
    BadAnswer,
    ConnectFailed,
    ConnectionCut,
    NoTls,
    TransferStalled,
    Transient,
    UntrustedServer,
    origin_of,
    printable,
)
from shale.registry.client.redirects import MAX_REDIRECTS, next_hop
from shale.registry.client.request import Request
from shale.registry.client.wire import Wire, pool_classes

__all__ = ["ProxySource", "Response", "Timeouts", "Transport"]

BLOCK: Final = 256 * 1024
"""Bytes asked for at once: larger ones cost page faults, smaller ones system calls (measured)."""
_DRAIN: Final = 16 * 1024


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


class Response:
    """An answer whose body has not been read; use it as a context manager."""

    def __init__(self, raw: urllib3.BaseHTTPResponse, url: str) -> None:
        self._raw = raw
        self.url = url
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        return self.headers.get(name, "")

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a header that may come several times."""
        return tuple(self._raw.headers.getlist(name))

    def read_some(self) -> bytes:
        """The next bytes of the body as they came; empty at its end.

        Raises:
            ConnectionCut, TransferStalled: see there.
        """
        try:
            return self._raw.read1(BLOCK, decode_content=False)
        except (exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise _failure(error, self.url) from error

    def read_bounded(self, limit: int, what: str) -> bytes:
        """The whole body.

        Raises:
            AnswerTooLarge: more than `limit` bytes; no more than that were read.
            ConnectionCut, TransferStalled: see there.
        """
        parts, size = [], 0
        while part := self.read_some():
            size += len(part)
            if size > limit:
                raise AnswerTooLarge(f"{what} has more than the {limit} bytes that are accepted")
            parts.append(part)
        return b"".join(parts)

    def read_prefix(self, limit: int) -> bytes:
        """The beginning of the body, for an error message; a connection cut meanwhile is no matter."""
        found = b""
        try:
            while len(found) < limit and (part := self.read_some()):
                found += part
        except Transient:
            pass
        return found[:limit]

    def close(self) -> None:
        """Give the connection back, where a short rest makes that possible; else cut it."""
        length = self.header("content-length")
        if length.isdecimal() and int(length) <= _DRAIN:
            self.read_prefix(_DRAIN + 1)
        if self._raw.connection is not None:
            self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
            following = next_hop(endpoint, request, response.status, response.header("location"))
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
        except (exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise _failure(error, request.url) from error
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
            options["ssl_context"] = _tls_context(tls)
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


def _tls_context(tls: Tls) -> ssl.SSLContext:
    """How TLS is spoken: the system's authorities and further ones.

    Raises:
        UntrustedServer: a certificate or key file cannot be used.
    """
    context = ssl.create_default_context()
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    current = ""
    try:
        for authority in tls.authorities:
            current = str(authority)
            context.load_verify_locations(cafile=current)
        for certificate, key in tls.client_pairs:
            current = str(certificate)
            context.load_cert_chain(current, str(key))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        raise UntrustedServer(f"cannot use the certificate file {current}: {reason}") from error
    return context


def _failure(error: Exception, url: str) -> Exception:
    """The error to raise for one of urllib3's."""
    where = origin_of(url)
    cause: BaseException = error
    while isinstance(cause, exceptions.MaxRetryError | exceptions.ProxyError) and cause.args[1:]:
        cause = cause.args[1]
    if isinstance(cause, exceptions.ReadTimeoutError | TimeoutError):
        return TransferStalled(f"{where} sends nothing, or next to nothing")
    if isinstance(cause, exceptions.ConnectTimeoutError | exceptions.NewConnectionError):
        return ConnectFailed(f"cannot connect to {where}: {printable(str(cause))}")
    text = printable(str(cause))
    if isinstance(cause, exceptions.SSLError | ssl.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in text or "doesn't match" in text:
            return UntrustedServer(
                f"{where}: the certificate is not trusted ({_tls_reason(text)}); add its authority to "
                "certs.d, or mark the registry as insecure"
            )
        return NoTls(f"{where}: the TLS connection failed ({_tls_reason(text)})")
    if isinstance(cause, exceptions.ProtocolError | http.client.HTTPException | OSError):
        return ConnectionCut(f"{where} ended the connection: {_cut_reason(cause)}")
    return BadAnswer(f"{where}: {text}")


def _tls_reason(text: str) -> str:
    start = text.find("CERTIFICATE_VERIFY_FAILED] ")
    reason = text[start + 27 :] if start >= 0 else text
    return reason.partition(" (_ssl.c")[0].lower()


def _cut_reason(cause: BaseException) -> str:
    inner = cause.args[1] if len(cause.args) > 1 and isinstance(cause.args[1], BaseException) else cause
    if isinstance(inner, http.client.IncompleteRead | exceptions.IncompleteRead):
        return "the answer is incomplete"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return printable(str(inner)) or type(inner).__name__
