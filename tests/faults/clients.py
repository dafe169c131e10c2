"""Clients for tests against `BadRegistry`: impatient, and with everything that happens written down."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from shale.events import Event
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.registry.client.client import RegistryClient, RepositoryClient
from shale.registry.client.endpoint import Credential, Endpoint
from shale.registry.client.retry import RetryPolicy
from shale.registry.client.transport import Timeouts

IMPATIENT = RetryPolicy(attempts=4, first_delay=0.001, longest_delay=0.002, longest_wait=60.0, deadline=60.0)
SHORT = Timeouts(connect=5.0, stall=0.3, commit=5.0)
"""For tests of stalls."""
STEADY = Timeouts(connect=10.0, stall=20.0, commit=20.0)
"""For all others: a slow machine must not look like a bad registry."""


@dataclass(frozen=True, slots=True)
class Places:
    """An EndpointSource that gives the same endpoints for every reference."""

    endpoints_: tuple[Endpoint, ...]

    def endpoints(self, reference: Reference) -> Sequence[Endpoint]:
        return tuple(replace(each, repository=reference.repository) for each in self.endpoints_)

    def push_endpoint(self, reference: Reference) -> Endpoint:
        return self.endpoints(reference)[-1]


@dataclass(slots=True)
class Purse:
    """A CredentialSource with one credential; it counts how often it is asked."""

    credential: Credential | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def find(self, account: str, repository: str) -> Credential | None:
        self.asked.append((account, repository))
        return self.credential


@dataclass(slots=True)
class MemorySink:
    """A BlobSink in memory that keeps a diary."""

    data: bytearray = field(default_factory=bytearray)
    etag: str | None = None
    restarts: int = 0
    received: int = 0
    on_write: Callable[[], None] = lambda: None

    @property
    def offset(self) -> int:
        return len(self.data)

    def restart(self) -> None:
        self.data.clear()
        self.etag = None
        self.restarts += 1

    def write(self, data: memoryview, /) -> None:
        self.data += data
        self.received += len(data)
        self.on_write()

    def remember(self, etag: str, /) -> None:
        self.etag = etag


@dataclass(slots=True)
class Rig:
    """A client and what happened to it."""

    client: RegistryClient
    purse: Purse
    events: list[Event]

    def repository(self, name: str = "app") -> RepositoryClient:
        return self.client.at(Reference("registry.test", name))


def rig(
    *hosts: str,
    credential: Credential | None = None,
    plain_http: bool = True,
    timeouts: Timeouts = STEADY,
    policy: RetryPolicy = IMPATIENT,
    cancel: Cancellation | None = None,
    change: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint,
) -> Rig:
    """A client of these hosts: mirrors first, the registry last."""
    endpoints = tuple(
        change(Endpoint(host, "app", host, plain_http=plain_http, mirror=host != hosts[-1])) for host in hosts
    )
    purse, events = Purse(credential), list[Event]()
    client = RegistryClient(
        endpoints=Places(endpoints),
        credentials=purse,
        agent="shale/test",
        listener=events.append,
        policy=policy,
        cancel=cancel,
        timeouts=timeouts,
    )
    return Rig(client, purse, events)


def described(data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
    """The descriptor of these bytes."""
    return Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data))


def opener(data: bytes) -> Callable[[int], io.BytesIO]:
    """A ReadableAt over bytes."""

    def open_at(offset: int) -> io.BytesIO:
        stream = io.BytesIO(data)
        stream.seek(offset)
        return stream

    return open_at
