"""The keys under which a registry's credentials lie in a file.

docker writes `host[:port]`, and for Docker Hub the URL of its first version; older files have URLs for all.
The containers tools write `host[:port]` and also `host/namespace` and `host/namespace/repository`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shale.oci.reference import DEFAULT_REGISTRY

__all__ = ["account_of_key", "matching_keys", "scopes_of", "server_address"]

_HUB_KEY: Final = "https://index.docker.io/v1/"
_HUB_HOSTS: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_VERSION_PATHS: Final = frozenset({"v1/", "v2/"})


def server_address(account: str) -> str:
    """The key that docker uses for a registry: its host; for Docker Hub a URL."""
    return _HUB_KEY if account == DEFAULT_REGISTRY else account


def account_of_key(key: str) -> str:
    """The registry, or the registry and namespace, that a key speaks of: `docker.io`, `quay.io/team`."""
    rest = key
    for scheme in ("https://", "http://"):
        rest = rest.removeprefix(scheme)
    host, slash, path = rest.partition("/")
    # A URL's path says which version of the protocol was meant, not which repository.
    scoped = slash and path and rest == key and path not in _VERSION_PATHS
    host = host.lower()
    account = DEFAULT_REGISTRY if host in _HUB_HOSTS else host
    return f"{account}/{path.rstrip('/')}" if scoped else account


def scopes_of(account: str, repository: str) -> tuple[str, ...]:
    """What may hold the credential of a repository, from the most specific to the registry itself."""
    parts = repository.split("/") if repository else []
    return (*(f"{account}/{'/'.join(parts[:end])}" for end in range(len(parts), 0, -1)), account)


def matching_keys(keys: Iterable[str], scope: str) -> list[str]:
    """The keys that speak of exactly this scope, the one that docker writes first, then the plainest."""
    preferred = (server_address(scope), scope)
    found = [key for key in keys if account_of_key(key) == scope]
    return sorted(found, key=lambda key: preferred.index(key) if key in preferred else len(preferred))
