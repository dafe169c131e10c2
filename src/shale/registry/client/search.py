"""Searching a registry: Docker's first protocol where it is offered, else the catalog of names.

No specification has a search. Docker Hub, and a few that copied it, answer `GET /v1/search?q=`; what most
registries have is the list of their repositories (`/v2/_catalog`), which is looked through here.
"""

from __future__ import annotations

from itertools import islice
from typing import Final
from urllib.parse import urlencode

import msgspec

from shale.errors import Denied, Invalid, NotFound, ShaleError, Unauthorized, Unsupported
from shale.oci.document import InvalidDocument, read_document
from shale.registry.client.exchange import Call, Exchange
from shale.registry.client.failures import BadAnswer
from shale.registry.client.listings import Listings
from shale.registry.client.response import Response

__all__ = ["NoSearch", "SearchResult", "search"]

_MAX_ANSWER: Final = 4 * 1024 * 1024
_REFUSALS: Final = (NotFound, Denied, Unauthorized, Unsupported, Invalid, BadAnswer)
"""What a registry without a search answers; that it does not answer at all is another matter."""


class NoSearch(Unsupported):
    """A registry can be searched in none of the ways there are."""


class SearchResult(msgspec.Struct, frozen=True):
    """A repository that was found.

    Attributes:
        name: as the registry calls it.
        description: of one line or several, from whoever made it.
        star_count: how many people marked it; 0 where the registry has no such thing.
        is_official: whether the registry vouches for it.
    """

    name: str = ""
    description: str | None = None
    star_count: int = 0
    is_official: bool = False


class _Answer(msgspec.Struct, frozen=True):
    results: tuple[SearchResult, ...] | None = None


def search(exchange: Exchange, term: str, limit: int) -> list[SearchResult]:
    """Repositories that a registry finds for a term.

    Args:
        exchange: the registry.
        term: what people type.
        limit: the most results.

    Raises:
        NoSearch: the registry offers neither a search nor a list of its repositories.
        Unavailable: it does not answer.
    """
    try:
        return _asked(exchange, term, limit)
    except _REFUSALS as refusal:
        return _looked_through(exchange, term, limit, refusal)


def _asked(exchange: Exchange, term: str, limit: int) -> list[SearchResult]:
    query = urlencode({"q": term, "n": limit}, errors="replace")  # an argument that is no UTF-8 finds nothing
    call = Call("GET", f"/v1/search?{query}", f"search on {exchange.endpoint.host}")

    def read(response: Response) -> _Answer:
        return read_document(response.read_bounded(_MAX_ANSWER, call.subject), _Answer, what=call.subject)

    found = exchange.run(call, read).results
    if found is None:
        raise InvalidDocument(f"{call.subject}: the answer has no results")
    return list(found[:limit])


def _looked_through(exchange: Exchange, term: str, limit: int, refusal: ShaleError) -> list[SearchResult]:
    try:
        names = (name for name in Listings(exchange).catalog() if term.lower() in name.lower())
        return [SearchResult(name) for name in islice(names, limit)]
    except _REFUSALS as error:
        host = exchange.endpoint.account
        raise NoSearch(
            f"{host} cannot be searched: it has neither a search (/v1/search: {refusal.message}) "
            f"nor a list of repositories that we may read (/v2/_catalog: {error.message}); "
            "look at its web page, or log in if it asks for that"
        ) from error
