"""Challenges: what a server asks for in `WWW-Authenticate`.

    WWW-Authenticate = #challenge
    challenge        = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
    auth-param       = token BWS "=" BWS ( token / quoted-string )

Specification: RFC 9110 section 11. A comma separates both parameters and challenges, so a header is scanned
from left to right and never split: a comma inside quotes, or a scheme name inside a value, means nothing.
Kinder than the grammar in one thing: a value without quotes may hold what a URL holds, as some registries send
it. Stricter in one: a parameter that comes twice is refused, because two readers would choose differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from shale.errors import Invalid
from shale.registry.client.realm import UntrustedRealm, checked_realm

__all__ = [
    "Bearer",
    "Challenge",
    "InvalidChallenge",
    "UntrustedRealm",
    "bearer_in",
    "checked_realm",
    "parse_challenges",
]

_MAX_HEADER: Final = 16 * 1024
_MAX_CHALLENGES: Final = 32

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 -- the grammar's word for a name
_SKIP: Final = re.compile(r"[ \t,]*")
_SCHEME: Final = re.compile(rf"({_TOKEN})(?=[ \t,]|\Z)[ \t]*")
_TOKEN68: Final = re.compile(r"([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|\Z)")
_PARAMETER: Final = re.compile(
    rf"({_TOKEN})[ \t]*=[ \t]*"
    r'(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^ \t,"\\]*))'
    r"[ \t]*(?=,|\Z)"
)
_ESCAPE: Final = re.compile(r"\\(.)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PLAIN: Final = re.compile(rf"{_TOKEN}\Z")


class InvalidChallenge(Invalid):
    """A `WWW-Authenticate` header is malformed."""


class Challenge(msgspec.Struct, frozen=True):
    """One way in which a server can be convinced.

    Attributes:
        scheme: in lower case: `bearer`, `basic`.
        parameters: by name in lower case, values without quotes and escapes.
        token68: the bare value that some schemes send instead of parameters.
    """

    scheme: str
    parameters: Mapping[str, str] = msgspec.field(default_factory=dict)
    token68: str = ""

    def __str__(self) -> str:
        """The text that parses to this challenge."""
        if self.token68:
            return f"{self.scheme} {self.token68}"
        shown = ", ".join(f"{name}={_quote(value)}" for name, value in self.parameters.items())
        return f"{self.scheme} {shown}".rstrip()


class Bearer(msgspec.Struct, frozen=True):
    """A challenge for a token (distribution's "Token Authentication").

    Attributes:
        realm: the URL of the token service, not yet checked: see `checked_realm`.
        service: the name that the token service knows the registry by, or empty.
        scope: what the token must allow, separated by spaces: `repository:library/nginx:pull`, or empty.
        error: why the token that was sent does not do: `invalid_token`, `insufficient_scope`, or empty.
    """

    realm: str
    service: str = ""
    scope: str = ""
    error: str = ""


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read the challenges of an answer, in order.

    Args:
        headers: the values of its `WWW-Authenticate` headers.

    Raises:
        InvalidChallenge: malformed, a parameter comes twice, or there is more than a client should read.
    """
    found: list[Challenge] = []
    for header in headers:
        found.extend(_parse_header(header))
        if len(found) > _MAX_CHALLENGES:
            raise InvalidChallenge(f"the server sent more than {_MAX_CHALLENGES} authentication challenges")
    return tuple(found)


def bearer_in(challenges: Iterable[Challenge]) -> Bearer | None:
    """The first challenge for a token; None where no token is asked for.

    Raises:
        InvalidChallenge: it does not name its token service.
    """
    for challenge in challenges:
        if challenge.scheme == "bearer":
            said = challenge.parameters
            if not said.get("realm"):
                raise InvalidChallenge("the server asks for a bearer token and does not say where to get it")
            return Bearer(said["realm"], said.get("service", ""), said.get("scope", ""), said.get("error", ""))
    return None


def _parse_header(text: str) -> list[Challenge]:
    if len(text) > _MAX_HEADER:
        raise InvalidChallenge(f"an authentication challenge is longer than {_MAX_HEADER} characters")
    if _CONTROL.search(text):
        raise InvalidChallenge(f"an authentication challenge has control characters: {text[:200]!r}")
    found: list[Challenge] = []
    at = _skip(text, 0)
    while at < len(text):
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            raise _malformed(text, at)
        name, at = scheme[1].lower(), scheme.end()
        bare = _TOKEN68.match(text, at)
        if bare is not None:
            found.append(Challenge(name, token68=bare[1]))
            at = _skip(text, bare.end())
            continue
        parameters, at = _parse_parameters(text, at)
        found.append(Challenge(name, parameters))
    return found


def _parse_parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    """The parameters from here on, and where the next challenge begins."""
    found: dict[str, str] = {}
    at = _skip(text, at)
    while (match := _PARAMETER.match(text, at)) is not None:
        name, quoted, plain = match[1].lower(), match[2], match[3]
        if name in found:
            raise InvalidChallenge(f"an authentication challenge has {name!r} twice: {text[:200]!r}")
        found[name] = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
        at = _skip(text, match.end())
    return found, at


def _skip(text: str, at: int) -> int:
    match = _SKIP.match(text, at)
    assert match is not None
    return match.end()


def _malformed(text: str, at: int) -> InvalidChallenge:
    return InvalidChallenge(f"an authentication challenge is malformed at {text[at : at + 60]!r}")


def _quote(value: str) -> str:
    if _PLAIN.match(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
