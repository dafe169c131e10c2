"""The client of registries for one process: the parts put together.

client = RegistryClient(endpoints=..., credentials=..., agent="shale/1.0")
repository = client.at(Reference.parse("debian:12"))
fetched = repository.manifests.fetch("12")
repository.blobs.fetch(layer, sink)
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from shale.events import Listener, silent
from shale.oci.reference import Reference
from shale.registry.client.authorizer import Authorizer
from shale.registry.client.blobs import Blobs
from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import CredentialSource, Endpoint, EndpointSource
from shale.registry.client.exchange import Exchange
from shale.registry.client.manifests import Manifests
from shale.registry.client.retry import Retrier, RetryPolicy
from shale.registry.client.scheme import Schemes
from shale.registry.client.transport import ProxySource, Timeouts, Transport

if TYPE_CHECKING:
    from shale.registry.client.listings import Listings
    from shale.registry.client.uploads import Uploads

__all__ = ["RegistryClient", "RepositoryClient"]


class RepositoryClient(msgspec.Struct, frozen=True):
    """What can be done with one repository.

    Attributes:
        reference: the name by which it was asked for.
        readable: where it is read from, mirrors first.
        writable: where it is written to.
    """

    reference: Reference
    readable: tuple[Exchange, ...]
    writable: Exchange

    @property
    def manifests(self) -> Manifests:
        """Fetch, head, put, delete."""
        return Manifests(self.readable, self.writable)

    @property
    def blobs(self) -> Blobs:
        """Fetch, head."""
        return Blobs(self.readable)

    @property
    def uploads(self) -> Uploads:
        """Exists, mount, begin, put."""
        from shale.registry.client.uploads import Uploads  # noqa: PLC0415 - a pull sends nothing

        return Uploads(self.writable)

    @property
    def listings(self) -> Listings:
        """Tags, referrers, catalog."""
        from shale.registry.client.listings import Listings  # noqa: PLC0415 - seldom asked

        return Listings(self.readable[-1])


class RegistryClient:
    """Hands out clients of repositories, which share connections and tokens; safe to use from threads.

    Args:
        endpoints: where repositories are.
        credentials: who we are there.
        agent: the value of User-Agent, `shale/VERSION (...)`.
        proxies: which proxy to use for what.
        listener: told about tries that failed and are repeated.
        policy: how often to try.
        cancel: stops everything that this client does.
        timeouts: bounds of every wait.
    """

    def __init__(
        self,
        *,
        endpoints: EndpointSource,
        credentials: CredentialSource,
        agent: str,
        proxies: ProxySource | None = None,
        listener: Listener = silent,
        policy: RetryPolicy | None = None,
        cancel: Cancellation | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.cancel = cancel or Cancellation()
        self._endpoints = endpoints
        self._transport = Transport(agent=agent, cancel=self.cancel, proxies=proxies, timeouts=timeouts)
        self._authorizer = Authorizer(self._transport, credentials)
        self._schemes = Schemes()
        self._retrier = Retrier(policy or RetryPolicy(), self.cancel, listener)

    def at(self, reference: Reference) -> RepositoryClient:
        """The client of the repository that a reference names.

        Raises:
            ShaleError: the configuration blocks it, or is malformed.
        """
        readable = tuple(self.exchange(endpoint) for endpoint in self._endpoints.endpoints(reference))
        writable = self.exchange(self._endpoints.push_endpoint(reference))
        return RepositoryClient(reference, readable, writable)

    def exchange(self, endpoint: Endpoint) -> Exchange:
        """Requests to one endpoint, for what is not about a repository: `login`, `search`."""
        return Exchange(endpoint, self._transport, self._authorizer, self._schemes, self._retrier)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
