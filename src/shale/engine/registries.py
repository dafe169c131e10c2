"""The registries that an engine talks to, as the ecosystem's own configuration files describe them."""

from __future__ import annotations

from shale.engine.settings import Settings
from shale.events import Listener, silent
from shale.image.remote import RemoteRepository
from shale.linux.outside import outer_user
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.registry.client.client import RegistryClient
from shale.registry.client.credentials.auth_files import AuthFiles
from shale.registry.client.credentials.paths import auth_files_from
from shale.registry.client.endpoint import CredentialSource
from shale.registry.client.hosts.endpoints import Hosts
from shale.registry.client.hosts.sources import host_paths_from
from shale.registry.client.proxies import Proxies
from shale.store.content import Content
from shale.version import shale_version

__all__ = ["Registries"]


class Registries:
    """Registries for one operation: they stop together, and tell one listener."""

    def __init__(
        self,
        settings: Settings,
        listener: Listener = silent,
        cancel: Cancellation | None = None,
        credentials: CredentialSource | None = None,
    ) -> None:
        """Read the configuration; nothing is contacted.

        Args:
            settings: where the configuration is.
            listener: told about tries that failed and are repeated.
            cancel: stops everything.
            credentials: who we are, instead of what the files say.

        Raises:
            InvalidConfiguration, InvalidProxy: a file or a variable is malformed.
        """
        self.cancel = cancel or Cancellation()
        self.hosts = Hosts.load(host_paths_from(settings.environ, settings.home))
        self.credentials = AuthFiles(
            auth_files_from(settings.environ, settings.home, outer_user(settings.environ)), settings.environ
        )
        self.client = RegistryClient(
            endpoints=self.hosts,
            credentials=credentials or self.credentials,
            agent=f"shale/{shale_version()} ({settings.host})",
            proxies=Proxies.from_environ(settings.environ),
            listener=listener,
            cancel=self.cancel,
        )

    def read(self, text: str) -> Reference:
        """A name as a person writes it, with the configuration's short names.

        Raises:
            InvalidReference: not a name.
        """
        return Reference.parse(self.hosts.expand(text))

    def repository(self, reference: Reference, content: Content | None = None) -> RemoteRepository:
        """The repository of a reference.

        Args:
            reference: any tag or digest of it is left aside.
            content: where to look from which repositories a blob could be mounted.
        """
        if content is None:
            return RemoteRepository(self.client.at(reference))

        def candidates(digest: Digest, /) -> list[str]:
            return [
                source.repository
                for source in content.sources(digest)
                if source.registry == reference.registry and source.repository != reference.repository
            ]

        return RemoteRepository(self.client.at(reference), candidates)

    def close(self) -> None:
        """Close all connections."""
        self.client.close()
