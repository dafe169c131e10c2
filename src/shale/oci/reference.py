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
from typing import Final, NamedTuple, Self

from shale.errors import Invalid
from shale.oci.digest import Digest
from shale.oci.pattern import compile_pattern

__all__ = ["DEFAULT_REGISTRY", "DEFAULT_TAG", "InvalidReference", "Reference", "parse_any"]

DEFAULT_REGISTRY: Final = "docker.io"
DEFAULT_TAG: Final = "latest"

_LEGACY_REGISTRY: Final = "index.docker.io"
_OFFICIAL: Final = "library"
_MAX_NAME: Final = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
# Texts, compiled (and kept) by `re` at the first use: a list of images reads canonical names only.
_DOMAIN: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH: Final = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_HEX64: Final = r"[a-f0-9]{64}"


class InvalidReference(Invalid):
    """A text is not the name of an image."""


class Reference(NamedTuple):
    """The canonical name of an image: registry and repository, perhaps a tag, perhaps a digest.

    In order by registry, repository, tag, digest; what is left out comes first.

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
        if re.fullmatch(_HEX64, text):
            raise InvalidReference(
                f"invalid reference {shown!r}: 64 hexadecimal digits are an image id, not a name"
            )
        rest, at, digest_text = text.partition("@")
        digest = _parse_digest(shown, digest_text) if at else None
        registry, path = _split_domain(rest)
        path, colon, tag = path.partition(":")
        _check_path(shown, path)
        if not re.fullmatch(_DOMAIN, registry):
            raise InvalidReference(f"invalid reference {shown!r}: {registry!r} is not a registry host")
        if colon and not re.fullmatch(_TAG, tag):
            raise InvalidReference(
                f"invalid reference {shown!r}: a tag has up to 128 letters, digits, '_', '.' and '-', "
                "and does not begin with '.' or '-'"
            )
        if len(path) > _MAX_NAME:
            raise InvalidReference(f"invalid reference: the repository is longer than {_MAX_NAME} characters")
        return cls(registry, path, tag if colon else None, digest)

    @classmethod
    def from_canonical(cls, text: str) -> Self:
        """Take apart the canonical text of a reference that was parsed once; nothing but its digest is checked.

        Raises:
            InvalidDigest: what should be its digest is none.
        """
        rest, at, digest = text.partition("@")
        registry, _, path = rest.partition("/")
        repository, colon, tag = path.partition(":")
        return cls(registry, repository, tag if colon else None, Digest.parse(digest) if at else None)

    @property
    def name(self) -> str:
        """Registry and repository: `docker.io/library/nginx`."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar_name(self) -> str:
        """The name as people write it: `nginx`, `user/app`, `localhost:5000/app`.

        `docker.io/quay.io/app` stays as it is: without its registry it would name another.
        """
        if self.registry != DEFAULT_REGISTRY:
            return self.name
        official, slash, path = self.repository.partition("/")
        short = path if slash and official == _OFFICIAL and "/" not in path else self.repository
        same = _split_domain(short) == (self.registry, self.repository)
        return short if same and not (len(short) == 64 and re.fullmatch(_HEX64, short)) else self.name

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

    # A tuple's own order knows no text beside None. References are compared with references alone.
    def __lt__(self, other: Self) -> bool:  # type: ignore[override]
        return self._order < other._order

    def __le__(self, other: Self) -> bool:  # type: ignore[override]
        return self._order <= other._order

    def __gt__(self, other: Self) -> bool:  # type: ignore[override]
        return self._order > other._order

    def __ge__(self, other: Self) -> bool:  # type: ignore[override]
        return self._order >= other._order

    @property
    def _order(self) -> tuple[str, str, str, str]:
        return (self.registry, self.repository, self.tag or "", str(self.digest or ""))

    def with_tag(self, tag: str) -> Self:
        """The same repository with this tag and no digest.

        Raises:
            InvalidReference: not a tag.
        """
        if not re.fullmatch(_TAG, tag):
            raise InvalidReference(f"invalid tag {tag[:140]!r}")
        return self._replace(tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> Self:
        """The same repository with this digest and no tag."""
        return self._replace(tag=None, digest=digest)

    def matches(self, pattern: str) -> bool:
        """Whether a person's pattern means this reference: its name, or its whole familiar text.

        Args:
            pattern: as `shale.oci.pattern` has it; `*` and `?` do not reach over a `/`.

        Raises:
            InvalidPattern: malformed.
        """
        compiled = compile_pattern(pattern)
        return any(compiled.fullmatch(text) for text in (self.familiar, self.familiar_name))

    def with_default_tag(self) -> Self:
        """This reference, with the tag `latest` where it has neither tag nor digest."""
        if self.tag is None and self.digest is None:
            return self._replace(tag=DEFAULT_TAG)
        return self


def parse_any(text: str) -> Reference | Digest:
    """Read what a person calls an image: a name, or the whole of a digest or id.

    A digest may be written without `sha256:`. Whether it is that of a config (an image id), a manifest or an
    index, only a store can tell. Short ids look like names: the store is asked for them first.

    Raises:
        InvalidReference: neither.
    """
    if re.fullmatch(_HEX64, text):
        return Digest("sha256", text)
    try:
        return Digest.parse(text)
    except Invalid:
        return Reference.parse(text)


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
    if re.fullmatch(_PATH, path):
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
