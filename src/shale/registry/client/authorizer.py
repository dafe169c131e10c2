"""Proving who we are: from a challenge to the Authorization header of the next request.

A registry's first 401 tells how it wants to be convinced; that is remembered for its host, so that later
requests carry their header at once. Credentials go to the endpoint's own origin, or to the realm that
`challenge.checked_realm` let pass, and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from shale.registry.client.challenge import Bearer, Challenge, bearer_in, checked_realm, parse_challenges
from shale.registry.client.endpoint import Credential, CredentialSource, Endpoint
from shale.registry.client.failures import AccessDenied, NotLoggedIn, printable
from shale.registry.client.tokens import TokenCache, TokenQuery, basic_header, fetch_token, joined_scopes
from shale.registry.client.transport import Transport

__all__ = ["Authorizer", "Proof"]


class Proof(msgspec.Struct, frozen=True):
    """A value of Authorization, and whether it is so new that a refusal of it is final."""

    header: str
    fresh: bool


class _Way(msgspec.Struct, frozen=True):
    """How a host wants to be convinced: a token of this realm, already checked; a password without one."""

    realm: str = ""
    service: str = ""


class Authorizer:
    """Keeps challenges, credentials and tokens of one process; safe to use from threads.

    Args:
        transport: asks authorization servers.
        credentials: who we are, where.
        tokens: the tokens so far.
    """

    def __init__(
        self, transport: Transport, credentials: CredentialSource, tokens: TokenCache | None = None
    ) -> None:
        self._transport = transport
        self._source = credentials
        self._tokens = tokens or TokenCache()
        self._ways: dict[str, _Way] = {}
        self._found: dict[tuple[str, str], Credential | None] = {}
        self._lock = threading.Lock()

    def proof(self, endpoint: Endpoint, scopes: Sequence[str], subject: str) -> Proof | None:
        """What to send with a first request: nothing until the registry has asked for something.

        Raises:
            NotLoggedIn, Denied, BadAnswer, Transient: getting a token failed.
        """
        way = self._ways.get(endpoint.host)
        return None if way is None else self._prove(endpoint, way, scopes, subject)

    def answer(
        self,
        endpoint: Endpoint,
        scopes: Sequence[str],
        *,
        url: str,
        asked: Sequence[str],
        sent: Proof | None,
        subject: str,
    ) -> Proof:
        """What to send after a 401.

        Args:
            endpoint: who answered 401.
            scopes: what the request needs.
            url: what was asked, on that endpoint and nowhere else (CVE-2020-15157).
            asked: the WWW-Authenticate headers of the answer.
            sent: what had been sent.
            subject: what was asked for, for the error.

        Raises:
            NotLoggedIn: credentials are missing or not accepted.
            AccessDenied: they are good but do not suffice.
            InvalidChallenge, UntrustedRealm, BadAnswer, Transient: getting a token failed.
        """
        challenges = parse_challenges(asked)
        if sent is not None and sent.fresh:
            raise _refused(endpoint, challenges, subject)
        bearer = bearer_in(challenges)
        if bearer is not None:
            realm = checked_realm(bearer.realm, urlsplit(url).scheme, endpoint.host)
            way = _Way(realm, bearer.service)
        elif any(each.scheme == "basic" for each in challenges):
            way = _Way()
        else:
            offered = ", ".join(each.scheme for each in challenges) or "no way at all"
            raise NotLoggedIn(
                f"{subject}: {endpoint.host} wants credentials in a way that shale does not know: "
                f"{printable(offered, 80)}"
            )
        proof = self._prove(endpoint, way, scopes, subject, bearer=bearer, sent=sent)
        # Remembered only now: without credentials, what is open to everybody must stay so.
        self._ways[endpoint.host] = way
        return proof

    def _prove(
        self,
        endpoint: Endpoint,
        way: _Way,
        scopes: Sequence[str],
        subject: str,
        *,
        bearer: Bearer | None = None,
        sent: Proof | None = None,
    ) -> Proof:
        credential = self._credential(endpoint)
        if credential is not None and credential.registry_token and way.realm:
            return Proof(f"Bearer {credential.registry_token}", fresh=True)
        if not way.realm:
            if credential is None or not credential.username:
                raise NotLoggedIn(
                    f"{subject}: {endpoint.account} wants credentials; "
                    f"log in with `shale login {endpoint.account}`"
                )
            return Proof(basic_header(credential.username, credential.password), fresh=True)
        wanted = joined_scopes(scopes)
        further = bearer.scope.split() if bearer is not None else ()
        query = TokenQuery(way.realm, way.service, joined_scopes((*wanted, *further)))
        token, fresh = self._tokens.get_or_fetch(
            (endpoint.host, endpoint.account, way, wanted, credential),
            sent.header.removeprefix("Bearer ") if sent is not None else None,
            lambda: fetch_token(self._transport, endpoint, query, credential, self._tokens.clock),
        )
        return Proof(f"Bearer {token.text}", fresh)

    def _credential(self, endpoint: Endpoint) -> Credential | None:
        key = (endpoint.account, endpoint.repository)
        with self._lock:  # a credential helper may ask a person: once
            if key not in self._found:
                self._found[key] = self._source.find(*key)
            return self._found[key]


def _refused(endpoint: Endpoint, challenges: Sequence[Challenge], subject: str) -> Exception:
    said = {key: value for each in challenges for key, value in each.parameters.items()}
    if said.get("error") == "insufficient_scope":
        return AccessDenied(
            f"{subject}: access denied; {endpoint.account}/{endpoint.repository} may not exist, or the "
            f"account that is logged in may not do this (see `shale login {endpoint.account}`)"
        )
    why = said.get("error_description") or said.get("error")
    words = f" ({printable(why)})" if why else ""
    return NotLoggedIn(
        f"{subject}: {endpoint.host} did not accept the credentials{words}; "
        f"log in again with `shale login {endpoint.account}`"
    )
