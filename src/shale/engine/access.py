"""Logging in to registries, and asking registries what they have: what is not about one repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from msgspec.structs import replace

from shale.engine.registries import Registries
from shale.engine.settings import Settings
from shale.errors import Invalid
from shale.oci.reference import DEFAULT_REGISTRY, Reference
from shale.registry.client.credentials.account import account_of_key, server_address
from shale.registry.client.credentials.auth_files import Stored
from shale.registry.client.endpoint import Credential, CredentialSource
from shale.registry.client.exchange import Exchange
from shale.registry.client.listings import Listings
from shale.registry.client.search import SearchResult, search

__all__ = ["Access", "LoggedIn", "account_of"]

_HUB_INDEX: Final = "index.docker.io"
"""Docker Hub searches here, not where it serves."""


class LoggedIn(msgspec.Struct, frozen=True):
    """A login that the registry accepted.

    Attributes:
        server: as docker calls it: a host, or the URL of Docker Hub's index.
        stored: where the credential is kept.
    """

    server: str
    stored: Stored


class _Given(msgspec.Struct, frozen=True):
    """A `CredentialSource` with one credential, for one registry."""

    account: str
    credential: Credential

    def find(self, account: str, repository: str) -> Credential | None:  # noqa: ARG002 - the port's signature
        return self.credential if account == self.account else None


def account_of(server: str) -> str:
    """The registry that a person means: `docker.io` for nothing and for Hub's URLs, else host and port.

    Raises:
        Invalid: not the address of a registry.
    """
    account = account_of_key(server.strip()).partition("/")[0] if server.strip() else DEFAULT_REGISTRY
    if Reference.parse(f"{account}/any/name").registry != account:
        raise Invalid(f"invalid registry {server!r}: expected a host, for example registry.example.com:5000")
    return account


class Access:
    """Registries of one engine's configuration, as a whole."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is read or contacted.

        Args:
            settings: where the configuration is.
        """
        self._settings = settings

    def known(self, server: str) -> Credential | None:
        """The credential that is kept for a registry; None where there is none.

        Raises:
            ShaleError: see `AuthFiles.find`.
        """
        with self._registries() as registries:
            return registries.credentials.find(account_of(server), "")

    def log_in(self, server: str, credential: Credential) -> LoggedIn:
        """Show a credential to a registry, and keep it where it is accepted.

        Raises:
            NotLoggedIn: the registry does not accept it; nothing is kept.
            Unavailable, Denied: the registry does not answer, or may not be asked.
            HelperMissing, HelperFailed, InvalidConfig, NoPermission: it could not be kept.
        """
        account = account_of(server)
        with self._registries(_Given(account, credential)) as registries:
            Listings(_exchange(registries, account)).ping()
            stored = registries.credentials.store(account, credential)
        return LoggedIn(server_address(account), stored)

    def log_out(self, server: str) -> Sequence[str]:
        """Forget the credentials of a registry; returns where they were.

        Raises:
            NotLoggedIn: there were none.
        """
        with self._registries() as registries:
            return registries.credentials.erase(account_of(server))

    def search(self, term: str, *, limit: int) -> list[SearchResult]:
        """Images whose name or description has a term: on Docker Hub, or on the registry that begins the term.

        Args:
            term: `nginx`, or `registry.example.com/nginx`.
            limit: the most results.

        Raises:
            Unsupported: that registry has no search.
            ShaleError: as a pull from there.
        """
        first, slash, rest = term.partition("/")
        named = bool(slash) and ("." in first or ":" in first or first == "localhost")
        account = account_of(first if named else "")
        words = rest if named else term
        with self._registries() as registries:
            exchange = _exchange(registries, account)
            if account == DEFAULT_REGISTRY:
                exchange = replace(exchange, endpoint=replace(exchange.endpoint, host=_HUB_INDEX))
            return search(exchange, words, limit)

    @contextmanager
    def _registries(self, credentials: CredentialSource | None = None) -> Iterator[Registries]:
        registries = Registries(self._settings, credentials=credentials)
        try:
            yield registries
        finally:
            registries.close()


def _exchange(registries: Registries, account: str) -> Exchange:
    """Requests to a registry itself: what the configuration says of it, without a repository."""
    endpoint = registries.hosts.push_endpoint(Reference.parse(f"{account}/any/name"))
    return registries.client.exchange(replace(endpoint, repository=""))
