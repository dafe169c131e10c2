"""Where to ask for a repository, and as whom: the values between configuration and transport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from shale.oci.reference import Reference

__all__ = ["Credential", "CredentialSource", "Endpoint", "EndpointSource", "Tls"]


class Tls(msgspec.Struct, frozen=True):
    """How to check a server and to show ourselves to it.

    Attributes:
        verify: false accepts any certificate (a registry marked insecure).
        authorities: files of further certificate authorities, in PEM.
        client_pairs: certificate and key files to present, where the server asks for one.
    """

    verify: bool = True
    authorities: tuple[Path, ...] = ()
    client_pairs: tuple[tuple[Path, Path], ...] = ()


class Endpoint(msgspec.Struct, frozen=True):
    """One place that serves a repository.

    Attributes:
        host: host and perhaps port to connect to; for docker.io that is `registry-1.docker.io`.
        repository: the repository's path there, after any rewriting by the configuration.
        account: the registry under which credentials for this endpoint are kept; for Docker Hub `docker.io`.
        plain_http: whether http may be spoken: for loopback, and for registries marked insecure.
        tls: how https is checked.
        mirror: whether this is a mirror, so that a failure goes on to the next endpoint.
        accepts_tags: whether a mirror is asked for tags, or for digests only.
        accepts_digests: whether a mirror is asked for digests.
    """

    host: str
    repository: str
    account: str
    plain_http: bool = False
    tls: Tls = msgspec.field(default_factory=Tls)
    mirror: bool = False
    accepts_tags: bool = True
    accepts_digests: bool = True


class Credential(msgspec.Struct, frozen=True):
    """What proves who we are: a password, an identity token that stands for one, or a token as it is.

    Attributes:
        username: or empty.
        password: or empty.
        identity_token: an OAuth2 refresh token, to be exchanged at the token service.
        registry_token: a bearer token to send to the registry as it is (`registrytoken` of docker's file).
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return f"Credential({self.username!r}, ...)"  # the rest is secret


class CredentialSource(Protocol):
    """Where credentials are looked up."""

    def find(self, account: str, repository: str) -> Credential | None:
        """The credential for a repository of a registry; None where there is none: ask anonymously."""


class EndpointSource(Protocol):
    """Where endpoints are looked up."""

    def endpoints(self, reference: Reference) -> Sequence[Endpoint]:
        """The places to ask for this reference: mirrors first, the registry itself last."""

    def push_endpoint(self, reference: Reference) -> Endpoint:
        """The place where changes to this reference go: never a mirror."""
