"""Challenges of a 401 answer, and which realms are asked for tokens (placeholder of the auth branch)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from shale.errors import Denied
from shale.registry.client.endpoint import Endpoint

__all__ = ["Challenge", "checked_realm", "parse_challenges"]

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to prove who we are."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges in WWW-Authenticate headers."""
    found = []
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        found.append(Challenge(scheme.lower(), dict(_PARAMETER.findall(rest))))
    return tuple(found)


def checked_realm(challenge: Challenge, endpoint: Endpoint) -> str:
    """The realm's URL, if it may be asked."""
    realm = challenge.parameters.get("realm", "")
    parts = urlsplit(realm)
    if parts.scheme not in ("http", "https") or (parts.scheme == "http" and not endpoint.plain_http):
        raise Denied(f"{endpoint.host} sends us for a token to {realm!r}, which is refused")
    return realm
