"""The endpoints of lists: end-8 (tags), end-12 (referrers), and docker's catalog; all of them in pages."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from shale.errors import Invalid
from shale.oci.mediatype import OCI_INDEX
from shale.registry.protocol import OCI_FILTERS_APPLIED, referrers_path, tags_path
from shale.registry.server.answers import JSON, standard_headers
from shale.registry.server.names import parse_digest
from shale.registry.server.storage import ManifestStorage, Page
from shale.registry.server.threads import Threads

__all__ = ["InvalidPage", "ListingEndpoints"]

_MOST: Final = 10_000
"""Names in one answer, whatever the client asks for (CVE-2023-2253 was memory reserved for `n`)."""
_LONGEST: Final = 512
"""Characters of `last` that matter: longer than any name."""


class InvalidPage(Invalid):
    """The number of entries asked for is not a number."""


class ListingEndpoints:
    """Lists of tags, repositories and referrers."""

    def __init__(self, storage: ManifestStorage, threads: Threads) -> None:
        self._storage = storage
        self._threads = threads

    async def tags(self, request: web.BaseRequest, repository: str, _: str) -> web.StreamResponse:
        """`GET /v2/NAME/tags/list`."""
        count, last = _count(request), _last(request)
        page = await self._threads.run(self._storage.list_tags, repository, last, count)
        body = msgspec.json.encode({"name": repository, "tags": page.entries})
        return _answer(body, JSON, _link(tags_path(repository), page, n=str(count)))

    async def catalog(self, request: web.BaseRequest, _repository: str, _: str) -> web.StreamResponse:
        """`GET /v2/_catalog`."""
        count, last = _count(request), _last(request)
        page = await self._threads.run(self._storage.list_repositories, last, count)
        body = msgspec.json.encode({"repositories": page.entries})
        return _answer(body, JSON, _link("/v2/_catalog", page, n=str(count)))

    async def referrers(self, request: web.BaseRequest, repository: str, reference: str) -> web.StreamResponse:
        """`GET /v2/NAME/referrers/DIGEST`: an image index of those that name it as their subject."""
        digest = parse_digest(reference)
        kind = request.rel_url.query.get("artifactType") or None
        page = await self._threads.run(self._storage.list_referrers, repository, digest, kind, _last(request))
        # The entries are JSON already, made when the manifests came.
        start = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":['
        body = (start + ",".join(page.entries) + "]}").encode()
        filters = {} if kind is None else {"artifactType": kind}
        headers = _link(referrers_path(repository, digest), page, **filters)
        if filters:
            headers[OCI_FILTERS_APPLIED] = "artifactType"
        return _answer(body, OCI_INDEX, headers)


def _answer(body: bytes, media_type: str, headers: dict[str, str]) -> web.Response:
    return web.Response(body=body, content_type=media_type, headers={**standard_headers(), **headers})


def _count(request: web.BaseRequest) -> int:
    text = request.rel_url.query.get("n")
    if text is None:
        return _MOST
    if not (text.isascii() and text.isdecimal()):
        raise InvalidPage(f"invalid n {text[:64]!r}: expected a number of entries")
    # A number of a thousand digits is large, and nothing else needs to be known of it.
    return min(int(text[:20]), _MOST)


def _last(request: web.BaseRequest) -> str:
    # Lone surrogates can come out of percent escapes, and SQLite does not take them.
    return request.rel_url.query.get("last", "")[:_LONGEST].encode("utf-8", "replace").decode()


def _link(path: str, page: Page, **query: str) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288), where there is one."""
    if page.last is None:
        return {}
    return {"Link": f'<{path}?{urlencode({**query, "last": page.last})}>; rel="next"'}
