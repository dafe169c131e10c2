"""One `registries.conf`: TOML to checked values, with file and key in every error."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from shale.errors import Invalid
from shale.oci.reference import InvalidReference, Reference

__all__ = ["Configuration", "InvalidConfiguration", "Mirror", "Registry", "parse_configuration"]

_PULLS: Final = {"": (True, True), "all": (True, True), "digest-only": (False, True), "tag-only": (True, False)}
_WILDCARD: Final = "*."


class InvalidConfiguration(Invalid):
    """A registries.conf is malformed, or contradicts itself."""


class Mirror(msgspec.Struct, frozen=True):
    """A place that has copies of a registry's images.

    Attributes:
        location: host, perhaps with a path, that stands in the place of the prefix.
        insecure: plain http and unverified https are allowed; None where nothing is said.
        tags: whether it is asked for tags.
        digests: whether it is asked for digests.
    """

    location: str
    insecure: bool | None = None
    tags: bool = True
    digests: bool = True


class Registry(msgspec.Struct, frozen=True):
    """One `[[registry]]` table.

    Attributes:
        prefix: of the names that it speaks of: `host`, `host/path`, `host/path:tag`, or `*.domain`.
        location: what stands in the place of the prefix; empty where the name stays as it is.
        insecure: plain http and unverified https are allowed; None where nothing is said.
        blocked: nothing may be pulled.
        mirrors: asked first, in this order.
    """

    prefix: str
    location: str = ""
    insecure: bool | None = None
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()


class Configuration(msgspec.Struct, frozen=True):
    """What one file says, or several together.

    Attributes:
        registries: the tables, by prefix.
        aliases: short name to full name; empty text where a file takes an alias back.
        search: `unqualified-search-registries`, kept to be shown; see the package's docstring.
    """

    registries: dict[str, Registry]
    aliases: dict[str, str]
    search: tuple[str, ...] | None = None


def parse_configuration(text: str, file: str) -> Configuration:
    """Read one file in version 2 of the format. Keys that are not known are passed over.

    Args:
        text: its content.
        file: its name, for errors.

    Raises:
        InvalidConfiguration: the message names file and key.
    """
    import tomllib  # noqa: PLC0415 - most machines have no such file, and it takes longer than all of ours

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidConfiguration(f"{file} is not valid TOML: {error}") from error
    if "registries" in document:
        raise InvalidConfiguration(
            f"{file}: [registries.*] is version 1 of the format; write [[registry]] tables instead "
            "(containers-registries.conf(5))"
        )
    registries: dict[str, Registry] = {}
    for number, table in enumerate(_tables(document, "registry", file), 1):
        registry = _registry(_Table(table, file, f"registry {number}"))
        # Of two tables for one prefix in one file the first counts, as in containers/image.
        registries.setdefault(registry.prefix, registry)
    aliases = document.get("aliases", {})
    if not isinstance(aliases, dict):
        raise InvalidConfiguration(f"{file}: aliases is not a table")
    for name, value in aliases.items():
        _check_alias(name, value, file)
    search = document.get("unqualified-search-registries")
    if search is not None and not (isinstance(search, list) and all(isinstance(item, str) for item in search)):
        raise InvalidConfiguration(f"{file}: unqualified-search-registries is not a list of strings")
    return Configuration(registries, aliases, tuple(search) if search is not None else None)


class _Table(msgspec.Struct, frozen=True):
    """A TOML table, and how to call it."""

    values: dict[str, Any]
    file: str
    name: str

    def text(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            raise self.invalid(key, "is not a string")
        return value

    def flag(self, key: str) -> bool | None:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.invalid(key, "is not true or false")
        return value

    def location(self, key: str) -> str:
        value = self.text(key).rstrip("/")
        if value:
            self._check_location(key, value)
        return value

    def invalid(self, key: str, why: str) -> InvalidConfiguration:
        return InvalidConfiguration(f"{self.file}: {self.name}: {key} {why}")

    def _check_location(self, key: str, value: str) -> None:
        if "://" in value:
            raise self.invalid(
                key, f"is a URL, {value!r}; write host and path only, and insecure = true for http"
            )
        if value.startswith(_WILDCARD) and key == "prefix":
            if any(mark in value for mark in "/@:"):
                raise self.invalid(
                    key, f"{value!r}: a wildcard has the form *.example.com, without port and path"
                )
            value = value[len(_WILDCARD) :]
        host, slash, _ = value.partition("/")
        try:
            # A first part without dot and port would be a path on Docker Hub: any port makes it a host.
            shown = value if slash else f"{value}/x"
            Reference.parse(shown if ":" in host or "." in host else shown.replace(host, f"{host}:1", 1))
        except InvalidReference as error:
            raise self.invalid(key, f"{value!r} is not a host, perhaps with a path: {error.message}") from error


def _tables(document: dict[str, Any], key: str, file: str) -> list[dict[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidConfiguration(f"{file}: {key} is not a list of tables; write [[{key}]]")
    return found


def _registry(table: _Table) -> Registry:
    location = table.location("location")
    prefix = table.location("prefix") or location
    if not prefix:
        raise table.invalid("prefix", "and location are both missing")
    if not location and not prefix.startswith(_WILDCARD):
        raise table.invalid(
            "location", f"is missing, and the prefix {prefix!r} is not of the form *.example.com"
        )
    if table.text("pull-from-mirror"):
        raise table.invalid("pull-from-mirror", "belongs to a [[registry.mirror]] table")
    by_digest_only = bool(table.flag("mirror-by-digest-only"))
    tables = _tables(table.values, "mirror", f"{table.file}: {table.name}")
    mirrors = tuple(
        _mirror(_Table(mirror, table.file, f"{table.name}, mirror {number}"), by_digest_only=by_digest_only)
        for number, mirror in enumerate(tables, 1)
    )
    return Registry(prefix, location, table.flag("insecure"), bool(table.flag("blocked")), mirrors)


def _mirror(table: _Table, *, by_digest_only: bool) -> Mirror:
    location = table.location("location")
    if not location:
        raise table.invalid("location", "is missing")
    pulls = table.text("pull-from-mirror")
    if pulls not in _PULLS:
        raise table.invalid("pull-from-mirror", f"is {pulls!r}; it is one of all, digest-only, tag-only")
    if by_digest_only and pulls:
        raise table.invalid("pull-from-mirror", "cannot be set together with mirror-by-digest-only")
    tags, digests = _PULLS["digest-only" if by_digest_only else pulls]
    return Mirror(location, table.flag("insecure"), tags, digests)


def _check_alias(name: str, value: Any, file: str) -> None:
    if not isinstance(value, str):
        raise InvalidConfiguration(f"{file}: aliases: {name} is not a string")
    try:
        short = Reference.parse(name)
        full = Reference.parse(value) if value else None
    except InvalidReference as error:
        raise InvalidConfiguration(f"{file}: aliases: {name}: {error.message}") from error
    # What parsing took off the name is a registry, a tag or a digest; what it may put before it is `library/`.
    if not short.repository.endswith(name):
        raise InvalidConfiguration(
            f"{file}: aliases: {name} is not a short name: it has no registry, tag or digest"
        )
    if full is not None and (full.tag or full.digest or not value.startswith(f"{full.registry}/")):
        raise InvalidConfiguration(
            f"{file}: aliases: {name}: {value!r} is not a full name: it begins with a registry and has no tag "
            "or digest"
        )
