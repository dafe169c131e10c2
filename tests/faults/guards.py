"""Registries that want to be convinced, and their token services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from faults.bad_registry import BadRegistry, Reply, Seen, Step, error
from faults.clients import Rig, rig

PATH = "/v2/app/manifests/v1"
RAW = b'{"schemaVersion": 2}'


def bearer(registry: BadRegistry, realm: str | None = None, extra: str = "") -> str:
    realm = realm if realm is not None else f"http://{registry.host}/token"
    return f'Bearer realm="{realm}",service="test",scope="repository:app:pull"{extra}'


def wants(challenge: str, accepts: Callable[[str], bool], body: bytes = RAW) -> Step:
    """A step that answers 401 until a request carries an Authorization that is accepted."""

    def step(seen: Seen) -> Reply:
        if accepts(seen.headers.get("authorization", "")):
            return Reply(body=body)
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})

    return step


def guarded(registry: BadRegistry, token: Step, accepts: Callable[[str], bool], **kwargs: Any) -> Rig:
    registry.script("GET", PATH, wants(bearer(registry), accepts))
    registry.script("GET", "/token", token)
    return rig(registry.host, **kwargs)


def query(seen: Seen) -> dict[str, list[str]]:
    return parse_qs(urlsplit(seen.target).query)
