"""The endpoints of blobs: end-2, end-10 of distribution-spec."""

from __future__ import annotations

from aiohttp import web

from shale.registry.protocol import InvalidRange, format_content_range, parse_range
from shale.registry.server.answers import content_headers, empty, error_answer, is_unchanged
from shale.registry.server.names import parse_digest
from shale.registry.server.options import ServerOptions
from shale.registry.server.sending import send_file
from shale.registry.server.storage import BlobStorage, OpenBlob
from shale.registry.server.threads import Threads

__all__ = ["BlobEndpoints"]


class BlobEndpoints:
    """Reading and deleting blobs of a repository."""

    def __init__(self, storage: BlobStorage, threads: Threads, options: ServerOptions) -> None:
        self._storage = storage
        self._threads = threads
        self._options = options

    async def get(self, request: web.BaseRequest, repository: str, reference: str) -> web.StreamResponse:
        """`GET` and `HEAD /v2/NAME/blobs/DIGEST`."""
        digest = parse_digest(reference)
        blob = await self._threads.run(self._storage.open_blob, repository, digest)
        with blob.file:
            headers = {**content_headers(digest), "Accept-Ranges": "bytes", "Cache-Control": "max-age=31536000"}
            if is_unchanged(request, digest):
                return empty(304, headers)
            try:
                part = _part(request, blob, headers["ETag"])
            except InvalidRange as error:
                return error_answer(error, {"Content-Range": f"bytes */{blob.size}"})
            first, count, status = 0, blob.size, 200
            if part is not None:
                first, count, status = part[0], part[1] - part[0] + 1, 206
                headers["Content-Range"] = format_content_range(*part, blob.size)
            response = web.StreamResponse(status=status, headers=headers)
            response.content_type = "application/octet-stream"
            await send_file(
                request, response, blob.file, (first, count), threads=self._threads, stall=self._options.stall
            )
            return response

    async def delete(self, _request: web.BaseRequest, repository: str, reference: str) -> web.StreamResponse:
        """`DELETE /v2/NAME/blobs/DIGEST`."""
        await self._threads.run(self._storage.delete_blob, repository, parse_digest(reference))
        return empty(202)


def _part(request: web.BaseRequest, blob: OpenBlob, tag: str) -> tuple[int, int] | None:
    """The single range to send; None for the whole: no range, several, another unit, or If-Range not met."""
    header = request.headers.get("Range", "").strip()
    if request.method not in ("GET", "HEAD") or not header.startswith("bytes=") or "," in header:
        return None
    if request.headers.get("If-Range", tag) != tag:
        return None
    return parse_range(header, blob.size)
