"""From a request to an answer: which endpoint, with which method, and what its errors become."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from aiohttp import web

from shale.errors import ShaleError, Unsupported
from shale.registry.server.answers import JSON, error_answer, standard_headers
from shale.registry.server.blobs import BlobEndpoints
from shale.registry.server.listings import ListingEndpoints
from shale.registry.server.manifests import ManifestEndpoints
from shale.registry.server.names import parse_repository
from shale.registry.server.options import ServerOptions
from shale.registry.server.routes import Endpoint, match
from shale.registry.server.storage import RegistryStorage
from shale.registry.server.threads import Threads
from shale.registry.server.uploads import UploadEndpoints

__all__ = ["Application", "MethodNotAllowed"]

Handler = Callable[[web.BaseRequest, str, str], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


class MethodNotAllowed(Unsupported):
    """The path is known, and this is not done with it here."""


class Application:
    """Answers requests; give it to `aiohttp.web.Server`."""

    def __init__(self, storage: RegistryStorage, threads: Threads, options: ServerOptions) -> None:
        self._methods = _table(storage, threads, options)
        self._under_way = 0
        self._ending = False
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def drain(self, seconds: float) -> None:
        """Wait until no request is under way, but no longer than this; connections close as they are answered.

        aiohttp's own shutdown throws away what still comes of a body, so it must find nothing to do.
        """
        self._ending = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every error becomes an answer here."""
        self._under_way += 1
        self._quiet.clear()
        try:
            response = await self._answer(request)
            if self._ending:
                response.force_close()
            return response
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._dispatch(request)
        except ShaleError as error:
            return error_answer(error)
        except (TimeoutError, ConnectionError):
            # The reader went away in the middle of a body: there is no answer to give any more.
            if request.transport is not None:
                request.transport.abort()
            raise
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - a bug is logged, and still answered
            _log.exception("%s %s failed", request.method, request.path)
            return error_answer(ShaleError("the registry failed; its log says why"))

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        route = match(request.path)
        methods = self._methods[route.endpoint]
        handler = methods.get(request.method)
        if handler is None:
            refusal = MethodNotAllowed(f"{request.method} is not done with this path; use {', '.join(methods)}")
            return error_answer(refusal, {"Allow": ", ".join(methods)})
        repository = route.repository
        if route.endpoint not in (Endpoint.VERSION, Endpoint.CATALOG):
            repository = parse_repository(repository)
        return await handler(request, repository, route.reference)


def _table(
    storage: RegistryStorage, threads: Threads, options: ServerOptions
) -> Mapping[Endpoint, Mapping[str, Handler]]:
    """What is done with each kind of path; without `allow_delete`, no delete of content is in it."""
    blobs = BlobEndpoints(storage, threads, options)
    uploads = UploadEndpoints(storage, storage, threads, options)
    manifests = ManifestEndpoints(storage, threads, options)
    listings = ListingEndpoints(storage, threads)
    blob: dict[str, Handler] = {"GET": blobs.get, "HEAD": blobs.get}
    manifest: dict[str, Handler] = {"GET": manifests.get, "HEAD": manifests.get, "PUT": manifests.put}
    if options.allow_delete:
        blob["DELETE"] = blobs.delete
        manifest["DELETE"] = manifests.delete
    return {
        Endpoint.VERSION: {"GET": _version, "HEAD": _version},
        Endpoint.CATALOG: {"GET": listings.catalog},
        Endpoint.TAGS: {"GET": listings.tags},
        Endpoint.REFERRERS: {"GET": listings.referrers},
        Endpoint.MANIFEST: manifest,
        Endpoint.BLOB: blob,
        Endpoint.UPLOADS: {"POST": uploads.begin},
        Endpoint.UPLOAD: {
            "GET": uploads.status,
            "PATCH": uploads.append,
            "PUT": uploads.finish,
            "DELETE": uploads.cancel,
        },
    }


async def _version(_request: web.BaseRequest, _repository: str, _: str) -> web.StreamResponse:
    """`GET /v2/`: this is a registry (end-1)."""
    return web.Response(body=b"{}", content_type=JSON, headers=standard_headers())
