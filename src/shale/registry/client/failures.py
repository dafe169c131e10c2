"""What goes wrong between us and a registry: errors by kind, and how answers become errors.

Transient (Unavailable)      trying again may help; `retry` looks for this class and nothing else
|-- ConnectFailed            no connection came about: NoTls, ConnectionRefused
|-- ConnectionCut            the connection ended in the middle
|-- TransferStalled          nothing came for too long, or next to nothing
|-- ServerFailing            500, 502, 503, 504, 408
`-- RateLimited              429
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final
from urllib.parse import urlsplit

from shale.errors import (
    Corrupt,
    Denied,
    Exhausted,
    Invalid,
    NotFound,
    ShaleError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from shale.registry.protocol import ErrorCode, ErrorDetail, parse_errors

__all__ = [
    "AccessDenied",
    "AnswerTooLarge",
    "BadAnswer",
    "BlobNotFound",
    "ConnectFailed",
    "ConnectionCut",
    "ConnectionRefused",
    "HostUnknown",
    "ManifestNotFound",
    "NoTls",
    "NotLoggedIn",
    "RateLimited",
    "RefusedTarget",
    "RepositoryNotFound",
    "RequestRefused",
    "ServerFailing",
    "TooLarge",
    "TransferStalled",
    "Transient",
    "UnsupportedByRegistry",
    "UntrustedServer",
    "origin_of",
    "printable",
    "status_error",
]

TRANSIENT_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})


class Transient(Unavailable):
    """A failure that may pass by itself.

    Attributes:
        retry_after: seconds after which the server wants to be asked again; None where it does not say.
        tries: how often at most it is worth trying; None leaves it to the policy.
    """

    tries: ClassVar[int | None] = None

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectFailed(Transient):
    """No connection came about: the host is unreachable, or does not answer in time."""

    tries = 3


class ConnectionRefused(ConnectFailed):
    """Nobody listens there: the host itself says so, and will say so again in a second."""

    tries = 1


class NoTls(ConnectFailed):
    """The other side does not speak TLS, or none that we speak."""


class ConnectionCut(Transient):
    """The connection ended in the middle of an exchange."""


class TransferStalled(Transient):
    """The other side stopped sending or receiving, or does it too slowly to ever end."""


class ServerFailing(Transient):
    """The registry, or something before it, answers that it cannot answer now."""


class RateLimited(Transient):
    """The registry wants fewer requests."""


class HostUnknown(Unavailable):
    """A host name has no address."""


class UntrustedServer(Denied):
    """The server's certificate does not prove that it is who we asked for."""


class RefusedTarget(Denied):
    """A server sent us to a place where we do not go."""


class AccessDenied(Denied):
    """The registry knows who we are and does not let us."""


class NotLoggedIn(Unauthorized):
    """The registry wants credentials, or did not accept those that it got."""


class RepositoryNotFound(NotFound):
    """The registry has no such repository, or does not show it to us."""


class ManifestNotFound(NotFound):
    """The repository has no such tag or manifest."""


class BlobNotFound(NotFound):
    """The repository has no such blob."""


class RequestRefused(Invalid):
    """The registry calls our request malformed."""


class UnsupportedByRegistry(Unsupported):
    """The registry does not offer this operation."""


class TooLarge(Exhausted):
    """The registry does not accept so many bytes at once."""


class AnswerTooLarge(Exhausted):
    """An answer has more bytes than we accept."""


class BadAnswer(Corrupt):
    """An answer is not what the protocol says: a proxy's page, junk, a wrong range."""


def printable(text: str, limit: int = 300) -> str:
    """Text from outside, fit for a terminal: one line, no control characters, not too long."""
    shown = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[:limit] + "..."


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, for messages; without query, where secrets may stand."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


_NOT_FOUND: Final[Mapping[str, type[NotFound]]] = {
    ErrorCode.NAME_UNKNOWN.value: RepositoryNotFound,
    ErrorCode.MANIFEST_UNKNOWN.value: ManifestNotFound,
    ErrorCode.BLOB_UNKNOWN.value: BlobNotFound,
}


def status_error(
    subject: str,
    status: int,
    body: bytes,
    *,
    missing: type[NotFound] = NotFound,
    retry_after: float | None = None,
) -> ShaleError:
    """The error for an answer that is not the expected one.

    Args:
        subject: what was asked for, in words that fit before "not found".
        status: the HTTP status.
        body: the answer's body, or the beginning of it.
        missing: what a 404 means where its body does not say.
        retry_after: what the server said about trying again, in seconds.
    """
    errors = parse_errors(body)
    said = _said(errors)
    codes = [error.code for error in errors]
    if status in TRANSIENT_STATUSES:
        if status == 429:
            message = f"{subject}: the registry limits how often it may be asked{said}"
            return RateLimited(message, retry_after=retry_after)
        message = f"{subject}: the registry answers {status}{said}"
        return ServerFailing(message, retry_after=retry_after)
    if status == 401:
        return NotLoggedIn(f"{subject}: the registry wants credentials{said}; try `shale login`")
    if status == 403:
        return AccessDenied(f"{subject}: access denied{said}")
    if status == 404:
        kind = next((_NOT_FOUND[code] for code in codes if code in _NOT_FOUND), missing)
        return kind(f"{subject} not found{said}")
    if status == 405 or ErrorCode.UNSUPPORTED.value in codes:
        return UnsupportedByRegistry(f"{subject}: the registry does not offer this{said}")
    if status == 413:
        return TooLarge(f"{subject}: the registry does not accept so many bytes at once{said}")
    if status == 400 or errors:
        return RequestRefused(f"{subject}: the registry refused the request ({status}){said}")
    return BadAnswer(f"{subject}: unexpected answer {status}")


def _said(errors: tuple[ErrorDetail, ...]) -> str:
    """What the server said of its reasons, as the end of a sentence."""
    words = [printable(error.message or error.code.lower().replace("_", " ")) for error in errors[:3]]
    return ": " + "; ".join(words) if words else ""
