"""Requests to one endpoint as the operations need them: with proof of who we are, and tried again.

An operation describes a request as a `Call` and says how to read the answer; what may be done twice, what a
status means, and when to give up is decided here for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from shale.errors import NotFound, ShaleError
from shale.registry.client.authorizer import Authorizer, Proof
from shale.registry.client.endpoint import Endpoint
from shale.registry.client.failures import status_error
from shale.registry.client.redirects import resolve, same_origin
from shale.registry.client.request import Body, Request
from shale.registry.client.response import Response
from shale.registry.client.retry import Attempts, Retrier, retry_after_seconds
from shale.registry.client.scheme import Schemes
from shale.registry.client.transport import Transport

__all__ = ["Call", "Exchange"]

T = TypeVar("T")

_ERROR_BODY: Final = 16 * 1024
_PROOFS: Final = 3
"""Requests at most for one answer: unproven, with a kept token that turned stale, with a fresh one."""


class Call(msgspec.Struct, frozen=True):
    """A request to an endpoint.

    Attributes:
        method: GET, HEAD, and so on.
        target: a path on the endpoint, or an absolute URL that it gave us.
        subject: what it is about, in words that fit before "not found".
        scopes: what it needs to be allowed, for example `repository:app:pull`.
        headers: beyond the usual ones.
        body: what to send.
        expected: statuses that are a success.
        missing: what a 404 means.
        patience: seconds to wait for the answer; None for the usual.
    """

    method: str
    target: str
    subject: str
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | Body | None = None
    expected: tuple[int, ...] = (200,)
    missing: type[NotFound] = NotFound
    patience: float | None = None


class Exchange(msgspec.Struct, frozen=True):
    """One endpoint, and all that a request to it needs."""

    endpoint: Endpoint
    transport: Transport
    authorizer: Authorizer
    schemes: Schemes
    retrier: Retrier

    def run(self, call: Call, read: Callable[[Response], T]) -> T:
        """Do a call until it succeeds, and read its answer.

        Args:
            call: a request that may be done twice.
            read: makes the result of an answer with an expected status.

        Raises:
            ShaleError: of the kind that the answer means; `Transient` when all tries failed.
        """

        def attempt() -> T:
            with self.send(call) as response:
                self.check(call, response)
                return read(response)

        return self.retrier.run(call.subject, attempt)

    def attempts(self, subject: str) -> Attempts:
        """Begin counting tries, for work that decides by itself how to go on."""
        return self.retrier.attempts(subject)

    def check(self, call: Call, response: Response) -> None:
        """Return when the status is an expected one.

        Raises:
            ShaleError: of the kind that the status and the body mean.
        """
        if response.status not in call.expected:
            raise self.failure(call, response)

    def failure(self, call: Call, response: Response) -> ShaleError:
        """The error that an answer means."""
        retry_after = retry_after_seconds(response.header("retry-after"))
        body = response.read_prefix(_ERROR_BODY)
        return status_error(call.subject, response.status, body, missing=call.missing, retry_after=retry_after)

    def send(self, call: Call) -> Response:
        """Do a call once, proving who we are as asked; any status but a 401 that we can answer comes back.

        Raises:
            NotLoggedIn, AccessDenied: the registry does not let us.
            Transient, BadAnswer, Denied: see `Transport.request`, `Authorizer.answer`.
        """
        if "://" in call.target:
            return self._proven(call, call.target)
        host = self.endpoint.host
        return self.schemes.reach(
            self.endpoint, lambda scheme: self._proven(call, f"{scheme}://{host}{call.target}")
        )

    def follow(self, response: Response, location: str) -> str:
        """The absolute URL of a Location or Link that an answer gave.

        Raises:
            BadAnswer, RefusedTarget: see `redirects.resolve`.
        """
        return resolve(self.endpoint, response.url, location)

    def owns(self, url: str) -> bool:
        """Whether a URL is at the endpoint itself, so that our credentials may go there."""
        host = self.endpoint.host
        # On most requests the text alone tells; comparing parsed origins takes longer than all of the rest.
        return any(
            url.startswith(f"{scheme}://{host}/") or same_origin(url, f"{scheme}://{host}")
            for scheme in self.schemes.possible(self.endpoint)
        )

    def _proven(self, call: Call, url: str) -> Response:
        request = Request(call.method, url, call.headers, call.body, call.patience)
        if not self.owns(url):
            return self.transport.request(self.endpoint, request)
        proof = self.authorizer.proof(self.endpoint, call.scopes, call.subject)
        for _ in range(_PROOFS):
            response = self.transport.request(self.endpoint, _with_proof(request, proof))
            if response.status != 401 or not self.owns(response.url):
                return response
            asked = response.all("www-authenticate")
            response.close()
            proof = self.authorizer.answer(
                self.endpoint, call.scopes, url=response.url, asked=asked, sent=proof, subject=call.subject
            )
        return response


def _with_proof(request: Request, proof: Proof | None) -> Request:
    if proof is None:
        return request
    return replace(request, headers={**request.headers, "Authorization": proof.header})
