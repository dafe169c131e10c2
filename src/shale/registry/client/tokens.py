"""Bearer tokens: asking an authorization server for one, and keeping it until it is about to expire.

Specification: Docker's "Token Authentication" and "OAuth2" pages of the distribution project.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec

from shale.registry.client.endpoint import Credential, Endpoint
from shale.registry.client.failures import BadAnswer, NotLoggedIn, origin_of, status_error
from shale.registry.client.request import Request
from shale.registry.client.response import Response
from shale.registry.client.retry import retry_after_seconds
from shale.registry.client.transport import Transport

__all__ = ["Token", "TokenCache", "TokenQuery", "basic_header", "fetch_token"]

MAX_TOKEN_ANSWER: Final = 64 * 1024
_DEFAULT_LIFE: Final = 60.0
_LONGEST_LIFE: Final = 24 * 3600.0
_MARGIN: Final = 0.15
CLIENT_ID: Final = "shale"


class TokenQuery(msgspec.Struct, frozen=True):
    """What to ask an authorization server for.

    Attributes:
        realm: its URL, already checked.
        service: the name that the challenge gave for the registry.
        scopes: what the token should allow, for example `repository:app:pull`.
    """

    realm: str
    service: str
    scopes: tuple[str, ...]


class Token(msgspec.Struct, frozen=True):
    """A bearer token and the moment from which it is not used any more (seconds, the cache's clock)."""

    text: str
    until: float


class _Answer(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    expires_in: float | None = None
    issued_at: str = ""


class TokenCache:
    """Tokens by account and scopes; one thread asks while the others that want the same token wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._tokens: dict[object, Token] = {}
        self._locks: dict[object, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, key: object) -> Token | None:
        """The token of this key while it is good."""
        token = self._tokens.get(key)
        return token if token is not None and token.until > self.clock() else None

    def get_or_fetch(self, key: object, refused: str | None, fetch: Callable[[], Token]) -> tuple[Token, bool]:
        """The token of this key, and whether it was fetched for this call.

        Args:
            key: account and scopes.
            refused: the text of a token that the registry did not accept, or None.
            fetch: asks the authorization server.
        """
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            token = self.get(key)
            if token is not None and token.text != refused:
                return token, False
            token = self._tokens[key] = fetch()
            return token, True


def fetch_token(
    transport: Transport,
    endpoint: Endpoint,
    query: TokenQuery,
    credential: Credential | None,
    clock: Callable[[], float],
) -> Token:
    """Ask for a token, as the credential's owner or as anybody.

    An identity token goes by POST (OAuth2); servers without that way are asked by GET, as with a password.

    Raises:
        NotLoggedIn: the credential is not accepted.
        BadAnswer: the answer has no token.
        Transient: and what else `Transport.request` raises.
    """
    if credential is not None and credential.identity_token:
        with transport.request(endpoint, _refresh_request(query, credential)) as response:
            if response.status not in (404, 405, 415, 501):
                return _read_token(response, credential, clock())
    with transport.request(endpoint, _get_request(query, credential)) as response:
        return _read_token(response, credential, clock())


def _refresh_request(query: TokenQuery, credential: Credential) -> Request:
    form = {
        "grant_type": "refresh_token",
        "service": query.service,
        "client_id": CLIENT_ID,
        "scope": " ".join(query.scopes),
        "refresh_token": credential.identity_token,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", query.realm, headers, urlencode(form).encode(), confidential=True)


def _get_request(query: TokenQuery, credential: Credential | None) -> Request:
    parameters = [("service", query.service)] if query.service else []
    parameters += [("scope", scope) for scope in query.scopes]
    headers = {"Accept": "application/json"}
    if credential is not None and credential.username:
        parameters.append(("account", credential.username))
        password = credential.password or credential.identity_token
        headers["Authorization"] = basic_header(credential.username, password)
    url = query.realm
    if parameters:
        url += ("&" if urlsplit(url).query else "?") + urlencode(parameters)
    return Request("GET", url, headers)


def basic_header(username: str, password: str) -> str:
    """The value of Authorization for a name and a password (RFC 7617, UTF-8).

    Raises:
        NotLoggedIn: the name has a colon, which basic authentication cannot carry.
    """
    if ":" in username:
        raise NotLoggedIn(f"the user name {username!r} has a colon, which basic authentication cannot carry")
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def _read_token(response: Response, credential: Credential | None, now: float) -> Token:
    where = origin_of(response.url)
    if response.status != 200:
        if response.status in (400, 401, 403) and credential is not None:
            raise NotLoggedIn(
                f"{where} did not accept the credentials of {credential.username or 'the identity token'} "
                f"({response.status}); log in again with `shale login`"
            )
        retry_after = retry_after_seconds(response.header("retry-after"))
        body = response.read_prefix(4096)
        raise status_error(f"asking {where} for a token", response.status, body, retry_after=retry_after)
    raw = response.read_bounded(MAX_TOKEN_ANSWER, f"the token answer of {where}")
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadAnswer(f"{where} answered with something that is not a token: {error}") from error
    text = answer.token or answer.access_token
    if not text or not text.isascii() or not text.isprintable():
        raise BadAnswer(f"{where} answered without a token")
    return Token(text, now + _usable(answer))


def _usable(answer: _Answer) -> float:
    """Seconds for which a fresh token is used: most of its life, the rest is for clocks that differ."""
    life = answer.expires_in if answer.expires_in is not None and answer.expires_in > 0 else _DEFAULT_LIFE
    if answer.issued_at:
        with suppress(ValueError, OverflowError):
            issued = datetime.fromisoformat(answer.issued_at)
            age = time.time() - issued.timestamp()
            # A cached answer of the server may be old already; a clock that differs by more says nothing.
            if 0 < age < life:
                life -= age
    return min(life, _LONGEST_LIFE) * (1 - _MARGIN)


def joined_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes without repetitions, in one order, so that equal sets share a token."""
    return tuple(sorted(set(scopes)))
