"""References: the names of images, in Docker's grammar and normalisation.

    reference  = name [ ":" tag ] [ "@" digest ]
    name       = [ domain "/" ] path
    domain     = host [ ":" port ]            host: DNS labels, or an IPv6 address in brackets
    path       = component *( "/" component )
    component  = [a-z0-9]+ *( ( "." | "_" | "__" | "-"+ ) [a-z0-9]+ )
    tag        = [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127}
    digest     = algorithm ":" encoded

Normalisation (what `docker pull nginx` means): the part before the first `/` is a registry when it has a `.`
or a `:`, is `localhost`, or has an upper-case letter; otherwise the registry is `docker.io`, and there a
single component is below `library/`. Specification: github.com/distribution/reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from shale.errors import Invalid
from shale.oci.digest import Digest

__all__ = ["DEFAULT_REGISTRY", "DEFAULT_TAG", "InvalidReference", "Reference"]

DEFAULT_REGISTRY: Final = "docker.io"
DEFAULT_TAG: Final = "latest"


_LEGACY_REGISTRY: Final = "index.docker.io"
_OFFICIAL: Final = "library"
_MAX_NAME: Final = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\Z")
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
_HEX64 = re.compile(r"[a-f0-9]{64}\Z")


class InvalidReference(Invalid):
    """A text is not the name of an image."""


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """The canonical name of an image: registry and repository, perhaps a tag, perhaps a digest.

    Attributes:
        registry: host and perhaps port, for example `docker.io`, `localhost:5000`, `[fc00::1]:5000`.
        repository: the path on that registry, for example `library/nginx`.
        tag: or None.
        digest: or None. With a tag too, the digest is what counts and the tag is what people read.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name as a person writes it, and normalise it.

        Raises:
            InvalidReference: not a name; the message says which part is wrong.
        """
        shown = text if len(text) <= 300 else text[:300] + "..."
        if _HEX64.match(text):
            raise InvalidReference(
                f"invalid reference {shown!r}: 64 hexadecimal digits are an image id, not a name"
            )
        rest, at, digest_text = text.partition("@")
        digest = _parse_digest(shown, digest_text) if at else None
        registry, path = _split_domain(rest)
        path, colon, tag = path.partition(":")
        _check_path(shown, path)
        if not _DOMAIN.match(registry):
            raise InvalidReference(f"invalid reference {shown!r}: {registry!r} is not a registry host")
        if colon and not _TAG.match(tag):
            raise InvalidReference(
                f"invalid reference {shown!r}: a tag has up to 128 letters, digits, '_', '.' and '-', "
                "and does not begin with '.' or '-'"
            )
        if len(path) > _MAX_NAME:
            raise InvalidReference(f"invalid reference: the repository is longer than {_MAX_NAME} characters")
        return cls(registry, path, tag if colon else None, digest)

    @property
    def name(self) -> str:
        """Registry and repository: `docker.io/library/nginx`."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: `nginx`, `user/app`, `localhost:5000/app`."""
        if self.registry != DEFAULT_REGISTRY:
            return self.name
        official, slash, path = self.repository.partition("/")
        return path if slash and official == _OFFICIAL and "/" not in path else self.repository

    @property
    def familiar(self) -> str:
        """The shortest text that parses to this reference: `nginx:latest`, `nginx@sha256:...`."""
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{tag}@{self.digest}" if self.digest is not None else tag

    def __str__(self) -> str:
        """The canonical text: `docker.io/library/nginx:latest`."""
        return self.name + self._suffix

    def with_tag(self, tag: str) -> Self:
        """The same repository with this tag and no digest.

        Raises:
            InvalidReference: not a tag.
        """
        if not _TAG.match(tag):
            raise InvalidReference(f"invalid tag {tag[:140]!r}")
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> Self:
        """The same repository with this digest and no tag."""
        return replace(self, tag=None, digest=digest)

    def matches(self, pattern: str) -> bool:
        """Whether a person's pattern means this reference: its name, or its whole familiar text.

        `*` and `?` do not reach over a `/` (Go's path.Match, as in distribution/reference FamiliarMatch).
        """
        translated = re.compile(_translate(pattern))
        return any(translated.fullmatch(text) for text in (self.familiar, self.familiar_name))

    def with_default_tag(self) -> Self:
        """This reference, with the tag `latest` where it has neither tag nor digest."""
        if self.tag is None and self.digest is None:
            return replace(self, tag=DEFAULT_TAG)
        return self


def _split_domain(text: str) -> tuple[str, str]:
    """Registry and path, with Docker's defaults filled in."""
    first, slash, rest = text.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost" or first.lower() != first)
    registry, path = (first, rest) if named else (DEFAULT_REGISTRY, text)
    if registry == _LEGACY_REGISTRY:
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"{_OFFICIAL}/{path}"
    return registry, path


def _check_path(shown: str, path: str) -> None:
    if _PATH.match(path):
        return
    if path != path.lower():
        raise InvalidReference(f"invalid reference {shown!r}: the repository name must be lower case")
    raise InvalidReference(
        f"invalid reference {shown!r}: a repository is made of lower-case letters and digits, "
        "separated by '.', '_', '__', '-' and '/'"
    )


def _parse_digest(shown: str, text: str) -> Digest:
    try:
        return Digest.parse(text)
    except Invalid as error:
        raise InvalidReference(f"invalid reference {shown!r}: {error.message}") from error


def _translate(pattern: str) -> str:
    """A glob of Go's path.Match as a regular expression."""
    out, rest = [], pattern
    while rest:
        if rest.startswith("[") and (end := rest.find("]", 2)) > 0:
            inside = rest[1:end].replace("\\", "\\\\")
            out.append(f"[{inside}]")
            rest = rest[end + 1 :]
            continue
        if rest.startswith("\\") and len(rest) > 1:
            rest = rest[1:]
            out.append(re.escape(rest[0]))
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
        rest = rest[1:]
    return "".join(out)
