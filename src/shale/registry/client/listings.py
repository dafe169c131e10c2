"""Lists that registries keep: tags, referrers, repositories; and whether a registry is there at all.

Pages are followed by their Link header, never to another host and never twice to the same place.
Specification: distribution-spec "Listing Tags", "Listing Referrers"; docker's catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from shale.errors import NotFound
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST, read_document
from shale.registry.client.exchange import Call, Exchange
from shale.registry.client.failures import BadAnswer, RepositoryNotFound, origin_of
from shale.registry.client.manifests import Manifests
from shale.registry.client.redirects import same_origin
from shale.registry.client.response import Response
from shale.registry.protocol import next_link, referrers_path, tags_path

__all__ = ["Listings"]

P = TypeVar("P")
T = TypeVar("T")

_MAX_PAGES: Final = 10_000
_MAX_ITEMS: Final = 1_000_000
_PAGE: Final = 1000
_MAX_LINK: Final = 8192


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


class _Catalog(msgspec.Struct, frozen=True):
    repositories: tuple[str, ...] | None = None


class _Referrers(msgspec.Struct, frozen=True):
    manifests: tuple[Descriptor, ...] | None = None


class Listings(msgspec.Struct, frozen=True):
    """The lists of one registry, and of one repository there."""

    exchange: Exchange

    def tags(self) -> Iterator[str]:
        """The repository's tags, in the registry's order, fetched as they are asked for.

        Raises:
            RepositoryNotFound: there is no such repository.
            BadAnswer: the answer is no list, or its pages go in a circle or to another host.
            ShaleError: see `Exchange.run`.
        """
        call = self._call(f"{tags_path(self._repository)}?n={_PAGE}", "tags of")
        return self._pages(call, _Tags, lambda page: page.tags or ())

    def catalog(self) -> Iterator[str]:
        """The registry's repositories, as far as it shows them.

        Raises: as `tags`.
        """
        call = Call(
            "GET",
            f"/v2/_catalog?n={_PAGE}",
            f"catalog of {self.exchange.endpoint.host}",
            scopes=("registry:catalog:*",),
        )
        return self._pages(call, _Catalog, lambda page: page.repositories or ())

    def referrers(self, digest: Digest, artifact_type: str | None = None) -> Iterator[Descriptor]:
        """Manifests whose subject is this one.

        A registry without the referrers API is asked for the tag in which clients keep the same list.

        Raises: as `tags`.
        """
        call = self._call(referrers_path(self._repository, digest, artifact_type), f"referrers of {digest} in")
        try:
            found = list(self._pages(call, _Referrers, lambda page: page.manifests or ()))
        except NotFound:
            found = self._referrers_by_tag(digest)
        # Filtered here too: a server that filtered says so (OCI-Filters-Applied), but filtering twice is safe.
        return (each for each in found if artifact_type is None or each.artifact_type == artifact_type)

    def ping(self) -> None:
        """Check that there is a registry, and that it accepts our credentials.

        Raises:
            NotLoggedIn: it does not.
            ShaleError: see `Exchange.run`.
        """
        call = Call("GET", "/v2/", f"registry {self.exchange.endpoint.host}")
        self.exchange.run(call, lambda _: None)

    @property
    def _repository(self) -> str:
        return self.exchange.endpoint.repository

    def _call(self, target: str, what: str) -> Call:
        return Call(
            "GET",
            target,
            f"{what} {self.exchange.endpoint.host}/{self._repository}",
            scopes=(f"repository:{self._repository}:pull",),
            missing=RepositoryNotFound,
        )

    def _referrers_by_tag(self, digest: Digest) -> list[Descriptor]:
        """The referrers tag schema: an index under the tag `sha256-...`."""
        try:
            fetched = Manifests((self.exchange,), self.exchange).fetch(
                f"{digest.algorithm}-{digest.encoded[:64]}"
            )
        except NotFound:
            return []
        return list(read_document(fetched.raw, _Referrers, what=f"referrers of {digest}").manifests or ())

    def _pages(self, call: Call, kind: type[P], items: Callable[[P], Sequence[T]]) -> Iterator[T]:
        """The items of all pages, fetched as they are asked for."""

        def read(response: Response) -> tuple[P, str | None]:
            raw = response.read_bounded(MAX_MANIFEST, call.subject)
            return read_document(raw, kind, what=call.subject), self._next(response)

        seen: set[str] = set()
        following: str | None = call.target
        count = 0
        while following is not None:
            if following in seen or len(seen) >= _MAX_PAGES or count > _MAX_ITEMS:
                raise BadAnswer(f"{call.subject}: the pages of the list do not end")
            seen.add(following)
            page, following = self.exchange.run(replace(call, target=following), read)
            found = items(page)
            count += len(found)
            yield from found

    def _next(self, response: Response) -> str | None:
        link = next_link(response.header("link")[:_MAX_LINK])
        if link is None:
            return None
        target = self.exchange.follow(response, link)
        if not same_origin(target, response.url):
            raise BadAnswer(f"the next page of the list is said to be at {origin_of(target)}, which is refused")
        return target
