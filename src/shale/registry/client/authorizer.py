"""Proving who we are: from a challenge to the Authorization header of the next request.

A registry's first 401 tells how it wants to be convinced; that is remembered for its host, so that later
requests carry their header at once. Credentials go to the endpoint's own origin, or to the realm that
`challenge.checked_realm` let pass, and nowhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from shale.registry.client.challenge import Challenge, checked_realm, parse_challenges
from shale.registry.client.endpoint import Credential, CredentialSource, Endpoint
from shale.registry.client.failures import AccessDenied, NotLoggedIn, printable
from shale.registry.client.tokens import TokenCache, TokenQuery, basic_header, fetch_token, joined_scopes
from shale.registry.client.transport import Transport

__all__ = ["Authorizer", "Proof"]


@dataclass(frozen=True, slots=True)
class Proof:
    """A value of Authorization, and whether it is so new that a refusal of it is final."""

    header: str
    fresh: bool


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
        self._challenges: dict[str, Challenge] = {}
        self._found: dict[tuple[str, str], Credential | None] = {}
        self._lock = threading.Lock()

    def proof(self, endpoint: Endpoint, scopes: Sequence[str]) -> Proof | None:
        """What to send with a first request: nothing until the registry has asked for something.

        Raises:
            NotLoggedIn, Denied, BadAnswer, Transient: getting a token failed.
        """
        challenge = self._challenges.get(endpoint.host)
        return None if challenge is None else self._prove(endpoint, challenge, joined_scopes(scopes))

    def answer(
        self, endpoint: Endpoint, scopes: Sequence[str], asked: Sequence[str], sent: Proof | None, subject: str
    ) -> Proof:
        """What to send after a 401.

        Args:
            endpoint: who answered 401.
            scopes: what the request needs.
            asked: its WWW-Authenticate headers.
            sent: what had been sent.
            subject: what was asked for, for the error.

        Raises:
            NotLoggedIn: credentials are missing or not accepted.
            AccessDenied: they are good but do not suffice.
            Denied, BadAnswer, Transient: getting a token failed.
        """
        challenge = _choose(parse_challenges(asked))
        if challenge is None:
            raise NotLoggedIn(
                f"{subject}: {endpoint.host} wants credentials, but asks for them in no way that shale knows"
            )
        if sent is not None and sent.fresh:
            raise _refused(endpoint, challenge, subject)
        self._challenges[endpoint.host] = challenge
        further = tuple(challenge.parameters.get("scope", "").split())
        return self._prove(
            endpoint, challenge, joined_scopes(scopes), further=further, sent=sent, subject=subject
        )

    def _prove(
        self,
        endpoint: Endpoint,
        challenge: Challenge,
        scopes: tuple[str, ...],
        *,
        further: tuple[str, ...] = (),
        sent: Proof | None = None,
        subject: str = "",
    ) -> Proof:
        credential = self._credential(endpoint)
        if challenge.scheme == "basic":
            if credential is None or not credential.username:
                raise NotLoggedIn(
                    f"{subject or endpoint.host}: {endpoint.account} wants credentials; "
                    f"log in with `shale login {endpoint.account}`"
                )
            return Proof(basic_header(credential.username, credential.password), fresh=True)
        query = TokenQuery(
            checked_realm(challenge, endpoint),
            challenge.parameters.get("service", ""),
            joined_scopes(scopes + further),
        )
        refused = sent.header.removeprefix("Bearer ") if sent is not None else None
        token, fresh = self._tokens.get_or_fetch(
            (endpoint.host, endpoint.account, query.realm, query.service, scopes, credential),
            refused,
            lambda: fetch_token(self._transport, endpoint, query, credential, self._tokens.clock),
        )
        return Proof(f"Bearer {token.text}", fresh)

    def _credential(self, endpoint: Endpoint) -> Credential | None:
        key = (endpoint.account, endpoint.repository)
        with self._lock:  # a credential helper may ask a person: once
            if key not in self._found:
                self._found[key] = self._source.find(*key)
            return self._found[key]


def _choose(challenges: Sequence[Challenge]) -> Challenge | None:
    """The best challenge that we can answer: a token rather than a password."""
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme.lower() == scheme:
                return challenge
    return None


def _refused(endpoint: Endpoint, challenge: Challenge, subject: str) -> Exception:
    if challenge.parameters.get("error") == "insufficient_scope":
        return AccessDenied(
            f"{subject}: access to {endpoint.account}/{endpoint.repository} denied; it may not exist, or the "
            f"account that is logged in may not do this (see `shale login {endpoint.account}`)"
        )
    why = challenge.parameters.get("error_description") or challenge.parameters.get("error")
    said = f" ({printable(why)})" if why else ""
    return NotLoggedIn(
        f"{subject}: {endpoint.host} did not accept the credentials{said}; "
        f"log in again with `shale login {endpoint.account}`"
    )
