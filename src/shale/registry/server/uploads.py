"""The endpoints of uploads: end-4, end-5, end-6, end-11, end-13 of distribution-spec ("Pushing Blobs").

Monolithic (POST and PUT, or one POST), chunked (PATCH with Content-Range) and streamed (PATCH without, which
docker and podman do) are one thing here: bytes are appended to an upload, and a PUT ends it.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from shale.errors import Invalid
from shale.oci.digest import Digest, InvalidDigest
from shale.registry.protocol import DOCKER_CONTENT_DIGEST, InvalidRange, blob_path, uploads_path
from shale.registry.server.answers import empty, error_answer
from shale.registry.server.bodies import receive
from shale.registry.server.names import parse_digest, parse_repository
from shale.registry.server.options import ServerOptions
from shale.registry.server.storage import BlobStorage, BlobUnknown, Upload, UploadStorage
from shale.registry.server.threads import Threads
from shale.store.ingest import SizeMismatch

__all__ = ["UploadEndpoints"]

_CHUNK: Final = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(?:\d{1,19}|\*))?\Z")
"""`FIRST-LAST`, which the specification asks for; some clients write it as RFC 9110 does."""


class UploadEndpoints:
    """Bringing blobs to a repository."""

    def __init__(
        self, storage: UploadStorage, blobs: BlobStorage, threads: Threads, options: ServerOptions
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._threads = threads
        self._options = options

    async def begin(self, request: web.BaseRequest, repository: str, _: str) -> web.StreamResponse:
        """`POST /v2/NAME/blobs/uploads/`: begin, or mount, or all in one with `?digest=`."""
        query = request.rel_url.query
        if (
            "mount" in query
            and "from" in query
            and await self._mount(repository, query["mount"], query["from"])
        ):
            return _arrived(repository, Digest.parse(query["mount"]))
        digest = parse_digest(query["digest"]) if "digest" in query and "mount" not in query else None
        upload = self._storage.start_upload(repository)
        try:
            if digest is None:
                return empty(202, _progress(repository, upload))
            try:
                await self._append(request, upload)
                await self._threads.run(upload.commit, digest)
            except BaseException:
                # Nobody was told the id, so nobody could continue it.
                await self._threads.run(upload.cancel)
                raise
            return _arrived(repository, digest)
        finally:
            upload.release()

    async def _mount(self, repository: str, digest: str, source: str) -> bool:
        """Whether the blob could be mounted; if not, for whatever reason, the client uploads it."""
        try:
            await self._threads.run(
                self._blobs.mount_blob, repository, parse_digest(digest), parse_repository(source)
            )
        except (BlobUnknown, Invalid):
            return False
        return True

    async def status(self, _request: web.BaseRequest, repository: str, upload_id: str) -> web.StreamResponse:
        """`GET /v2/NAME/blobs/uploads/ID`: how much came so far."""
        upload = await self._threads.run(self._storage.resume_upload, repository, upload_id)
        try:
            return empty(204, _progress(repository, upload))
        finally:
            upload.release()

    async def append(self, request: web.BaseRequest, repository: str, upload_id: str) -> web.StreamResponse:
        """`PATCH /v2/NAME/blobs/uploads/ID`: more bytes."""
        upload = await self._threads.run(self._storage.resume_upload, repository, upload_id)
        try:
            await self._append(request, upload)
            return empty(202, _progress(repository, upload))
        except InvalidRange as error:
            return error_answer(error, _progress(repository, upload))
        finally:
            upload.release()

    async def finish(self, request: web.BaseRequest, repository: str, upload_id: str) -> web.StreamResponse:
        """`PUT /v2/NAME/blobs/uploads/ID?digest=`: perhaps the last bytes, and the end."""
        if "digest" not in request.rel_url.query:
            raise InvalidDigest("the digest is missing: finish an upload with PUT and ?digest=sha256:...")
        digest = parse_digest(request.rel_url.query["digest"])
        upload = await self._threads.run(self._storage.resume_upload, repository, upload_id)
        try:
            await self._append(request, upload)
            await self._threads.run(upload.commit, digest)
            return _arrived(repository, digest)
        except InvalidRange as error:
            return error_answer(error, _progress(repository, upload))
        finally:
            upload.release()

    async def cancel(self, _request: web.BaseRequest, repository: str, upload_id: str) -> web.StreamResponse:
        """`DELETE /v2/NAME/blobs/uploads/ID`: drop it."""
        upload = await self._threads.run(self._storage.resume_upload, repository, upload_id)
        try:
            await self._threads.run(upload.cancel)
            return empty(204)
        finally:
            upload.release()

    async def _append(self, request: web.BaseRequest, upload: Upload) -> None:
        """Append the body; where the request names a range, it must be the one that comes next."""
        before = upload.offset
        limit = self._options.largest_blob - before
        expected = _expected(request, upload)
        if expected is not None:
            limit = min(limit, expected)
        if not request.body_exists:
            count = 0
        else:
            count = await receive(request, upload.write, self._threads, limit=limit, stall=self._options.stall)
        if expected is not None and count != expected:
            raise SizeMismatch(Digest.of(b""), expected, count)


def _expected(request: web.BaseRequest, upload: Upload) -> int | None:
    """How many bytes Content-Range announces; None where there is no such header.

    Raises:
        InvalidRange: malformed, or not where the upload stands (answer 416).
    """
    header = request.headers.get("Content-Range")
    if header is None:
        return None
    match = _CHUNK.match(header.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise InvalidRange(f"invalid Content-Range {header[:128]!r}: expected FIRST-LAST")
    if int(match[1]) != upload.offset:
        raise InvalidRange(
            f"the chunk begins at {int(match[1])}, the upload stands at {upload.offset}: continue there"
        )
    expected = int(match[2]) - int(match[1]) + 1
    if request.content_length is not None and request.content_length != expected:
        raise InvalidRange(f"Content-Range announces {expected} bytes, Content-Length {request.content_length}")
    return expected


def _progress(repository: str, upload: Upload) -> dict[str, str]:
    return {
        "Location": uploads_path(repository) + upload.id,
        "Range": f"0-{max(0, upload.offset - 1)}",
        "Docker-Upload-UUID": upload.id,
    }


def _arrived(repository: str, digest: Digest) -> web.Response:
    return empty(201, {"Location": blob_path(repository, digest), DOCKER_CONTENT_DIGEST: str(digest)})
