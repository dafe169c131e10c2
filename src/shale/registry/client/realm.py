"""Which token service a registry may send us to.

A `Bearer` challenge names a URL, the realm, and the client asks there for a token, with the user's password if
it has one. Whoever writes that header chooses where the password goes and where this machine connects to.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shale.errors import Denied
from shale.registry.client.addresses import InvalidHost, Reach, reach_of, split_host

__all__ = ["UntrustedRealm", "checked_realm"]

_URL: Final = re.compile(r"[!-~]+\Z")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*)|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?\Z")
_MAX_REALM: Final = 4096


class UntrustedRealm(Denied):
    """A registry sends us for a token to a place that no credentials may go to."""


def checked_realm(realm: str, registry_scheme: str, registry_host: str) -> str:
    r"""The realm's URL, when it is a place to send a request, and perhaps credentials, to.

    Args:
        realm: the `realm` of a challenge, as it came.
        registry_scheme: the scheme spoken to the registry that sent it: `http` or `https`.
        registry_host: host and perhaps port of that registry: the endpoint's own, never one that a redirect or
            a layer's URL led to. A challenge from elsewhere must not come here at all (CVE-2020-15157: the host
            of a foreign layer answered 401 and was sent the registry's password).

    Returns:
        The same text: rewriting it would show a URL other than the one that was checked.

    Raises:
        UntrustedRealm: the message says what is wrong with it.

    What is allowed, and why:

    1. An absolute http or https URL in printable ASCII, without user, fragment or backslash: only what every
       URL parser reads alike, so that what is checked here is where the request goes.
    2. https to any name. The token service of a registry is another host by custom (registry-1.docker.io says
       auth.docker.io, registry.gitlab.com says gitlab.com), nothing in the protocol ties the two together, and
       docker and containerd follow it. The registry speaks for its own credentials: they were given to it,
       and https proves that it was the registry who spoke.
    3. http only when the registry itself is spoken to over http, and only to the registry's own host (any
       port), or from this machine to this machine. https never becomes http: that is how the password came to
       travel in the clear in CVE-2019-10214.
    4. A literal address that is not public (loopback, link-local, private, and their other spellings as
       0x7f000001, 127.1, ::ffff:10.0.0.1) only when the registry is a literal address of the same kind, or the
       same host. Otherwise a registry on the internet could reach services inside (CVE-2026-33540,
       CVE-2026-65388; go-containerregistry #2243, where the way in was 0.0.0.0).

    A name that resolves to an inside address passes: it cannot be judged here, since DNS may answer otherwise
    a moment later. What remains is one request over verified https, whose answer is bounded and never shown.
    The caller must not follow a redirect of the token service to another origin with credentials.
    """
    shown = realm if len(realm) <= 200 else realm[:200] + "..."
    parts = _split(realm, shown)
    host, _ = _target(parts.netloc, shown)
    registry, _ = split_host(registry_host)
    if parts.scheme == "http":
        _check_plain(shown, host, registry_scheme, registry)
    reach = reach_of(host)
    if reach is not Reach.PUBLIC and host != registry and reach is not reach_of(registry):
        raise UntrustedRealm(
            f"the registry {registry_host} asks us to get a token from {shown!r}, an address of {reach.value}; "
            "it is not there itself, so nothing is sent"
        )
    return realm


def _split(realm: str, shown: str) -> SplitResult:
    if len(realm) > _MAX_REALM or not _URL.match(realm) or "\\" in realm:
        raise UntrustedRealm(f"the token service {shown!r} is not a URL of printable ASCII characters")
    try:
        parts = urlsplit(realm)
    except ValueError as error:
        raise UntrustedRealm(f"the token service {shown!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise UntrustedRealm(f"the token service {shown!r} is not an absolute http or https URL")
    if "@" in parts.netloc:
        raise UntrustedRealm(f"the token service {shown!r} has a user name in its URL")
    if "#" in realm:
        raise UntrustedRealm(f"the token service {shown!r} has a fragment in its URL")
    return parts


def _target(netloc: str, shown: str) -> tuple[str, int | None]:
    if not _HOST.match(netloc):
        raise UntrustedRealm(f"the token service {shown!r} does not name a host")
    try:
        return split_host(netloc)
    except InvalidHost as error:
        raise UntrustedRealm(f"the token service {shown!r} does not name a host: {error.message}") from error


def _check_plain(shown: str, host: str, registry_scheme: str, registry: str) -> None:
    both_here = reach_of(host) is Reach.LOOPBACK and reach_of(registry) is Reach.LOOPBACK
    if registry_scheme != "http" or not (host == registry or both_here):
        raise UntrustedRealm(
            f"the token service {shown!r} is on plain http: credentials would travel in the clear; "
            "the registry must name an https URL"
        )
