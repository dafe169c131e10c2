"""The client of registries for one process: the parts put together.

client = RegistryClient(endpoints=..., credentials=..., agent="shale/1.0")
repository = client.at(Reference.parse("debian:12"))
fetched = repository.manifests.fetch("12")
repository.blobs.fetch(layer, sink)
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from shale.events import Listener, silent
from shale.oci.reference import Reference
from shale.registry.client.authorizer import Authorizer
from shale.registry.client.blobs import Blobs
from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import CredentialSource, Endpoint, EndpointSource
from shale.registry.client.exchange import Exchange
from shale.registry.client.listings import Listings
from shale.registry.client.manifests import Manifests
from shale.registry.client.retry import Retrier, RetryPolicy
from shale.registry.client.scheme import Schemes
from shale.registry.client.transport import ProxySource, Timeouts, Transport
from shale.registry.client.uploads import Uploads

__all__ = ["RegistryClient", "RepositoryClient"]


@dataclass(frozen=True, slots=True)
class RepositoryClient:
    """What can be done with one repository.

    Attributes:
        reference: the name by which it was asked for.
        manifests: fetch, head, put, delete.
        blobs: fetch, head.
        uploads: exists, mount, begin, put.
        listings: tags, referrers, catalog.
    """

    reference: Reference
    manifests: Manifests
    blobs: Blobs
    uploads: Uploads
    listings: Listings


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
        return RepositoryClient(
            reference,
            Manifests(readable, writable),
            Blobs(readable),
            Uploads(writable),
            Listings(readable[-1]),
        )

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
