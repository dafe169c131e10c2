"""From the name of an image to the places that serve it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from msgspec.structs import replace

from shale.errors import Denied
from shale.oci.reference import DEFAULT_REGISTRY, Reference
from shale.registry.client.addresses import is_loopback, split_host
from shale.registry.client.endpoint import Endpoint
from shale.registry.client.hosts.aliases import expand_alias
from shale.registry.client.hosts.certificates import read_certificates
from shale.registry.client.hosts.document import Configuration, Registry
from shale.registry.client.hosts.rules import choose, relocate
from shale.registry.client.hosts.sources import HostPaths, load_configuration

__all__ = ["BlockedRegistry", "Hosts"]

_HUB_HOST: Final = "registry-1.docker.io"
_HUB_NAMES: Final = frozenset({DEFAULT_REGISTRY, "index.docker.io", _HUB_HOST})


class BlockedRegistry(Denied):
    """The configuration forbids to use a registry."""


class Hosts:
    """The machine's registries: an `EndpointSource`."""

    def __init__(self, configuration: Configuration, certificates: Sequence[Path] = ()) -> None:
        """Registries as configured.

        Args:
            configuration: what the files say.
            certificates: the `certs.d` folders; read when a registry is asked for.
        """
        self._configuration = configuration
        self._certificates = tuple(certificates)

    @classmethod
    def load(cls, paths: HostPaths) -> Self:
        """Read the machine's configuration.

        Raises:
            ConfigurationMissing, InvalidConfiguration, NoPermission: see `load_configuration`.
        """
        return cls(load_configuration(paths), paths.certificates)

    def expand(self, text: str) -> str:
        """The text to parse for what a person typed: a short name is replaced where it has an alias.

        To be called before `Reference.parse`, which fills in Docker Hub and so hides what was typed.
        """
        return expand_alias(text, self._configuration.aliases)

    def endpoints(self, reference: Reference) -> Sequence[Endpoint]:
        """The places to pull this reference from: mirrors first, the registry itself last.

        Mirrors are given whether or not they take this reference: one that takes digests only can serve what
        the registry resolved the tag to. `Endpoint.accepts_tags` and `accepts_digests` say what to ask it.

        Raises:
            BlockedRegistry: the configuration forbids it.
            UnsupportedLocation: the configuration moves it to something that is not a name.
            InvalidCertificates, NoPermission: its certificates cannot be read.
        """
        table = self._allowed(reference)
        if table is None:
            return (self._endpoint(reference.registry, reference.repository, insecure=None),)
        found = []
        for mirror in table.mirrors:
            host, path = relocate(reference, table.prefix, mirror.location)
            endpoint = self._endpoint(host, path, insecure=mirror.insecure)
            found.append(
                replace(endpoint, mirror=True, accepts_tags=mirror.tags, accepts_digests=mirror.digests)
            )
        host, path = relocate(reference, table.prefix, table.location)
        return (*found, self._endpoint(host, path, insecure=table.insecure))

    def push_endpoint(self, reference: Reference) -> Endpoint:
        """The place to push this reference to: the registry that it names.

        Locations and mirrors are for reading only (containers-registries.conf(5), "Remapping and mirroring
        registries").

        Raises:
            BlockedRegistry: the configuration forbids it.
            InvalidCertificates, NoPermission: its certificates cannot be read.
        """
        table = self._allowed(reference)
        insecure = table.insecure if table is not None else None
        return self._endpoint(reference.registry, reference.repository, insecure=insecure)

    def _allowed(self, reference: Reference) -> Registry | None:
        table = choose(self._configuration.registries.values(), reference)
        if table is not None and table.blocked:
            raise BlockedRegistry(
                f"{reference.familiar_name} is blocked: registries.conf says so of {table.prefix}"
            )
        return table

    def _endpoint(self, registry: str, repository: str, *, insecure: bool | None) -> Endpoint:
        hub = registry in _HUB_NAMES
        account = DEFAULT_REGISTRY if hub else registry
        host = _HUB_HOST if hub else registry
        here = is_loopback(split_host(host)[0])
        tls = read_certificates(self._certificates, (account, host) if hub else (host,))
        plain = here if insecure is None else insecure
        # On this machine http would do, so a certificate that nobody signed is no worse; but where an authority
        # is configured for it, it is meant to be checked.
        unverified = insecure or (plain and not tls.authorities)
        return Endpoint(host, repository, account, plain_http=plain, tls=replace(tls, verify=not unverified))
