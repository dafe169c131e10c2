"""The endpoints of manifests: end-3, end-7, end-9 of distribution-spec."""

from __future__ import annotations

import hashlib

from aiohttp import web

from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST
from shale.oci.manifest import parse_manifest
from shale.registry.protocol import DOCKER_CONTENT_DIGEST, OCI_SUBJECT, manifest_path
from shale.registry.server.answers import content_headers, empty, is_unchanged
from shale.registry.server.bodies import receive_small
from shale.registry.server.names import parse_reference
from shale.registry.server.options import ServerOptions
from shale.registry.server.storage import ManifestStorage, NewManifest
from shale.registry.server.threads import Threads
from shale.store.ingest import DigestMismatch

__all__ = ["ManifestEndpoints"]


class ManifestEndpoints:
    """Reading, pushing and deleting manifests and tags."""

    def __init__(self, storage: ManifestStorage, threads: Threads, options: ServerOptions) -> None:
        self._storage = storage
        self._threads = threads
        self._options = options

    async def get(self, request: web.BaseRequest, repository: str, reference: str) -> web.StreamResponse:
        """`GET` and `HEAD /v2/NAME/manifests/REFERENCE`, with the type it was pushed with."""
        wanted = parse_reference(reference)
        manifest = await self._threads.run(self._storage.read_manifest, repository, wanted)
        headers = content_headers(manifest.digest)
        if is_unchanged(request, manifest.digest):
            return empty(304, headers)
        headers["Content-Type"] = manifest.media_type
        headers["Content-Length"] = str(len(manifest.raw))
        return web.Response(body=b"" if request.method == "HEAD" else manifest.raw, headers=headers)

    async def put(self, request: web.BaseRequest, repository: str, reference: str) -> web.StreamResponse:
        """`PUT /v2/NAME/manifests/REFERENCE`."""
        wanted = parse_reference(reference)
        raw = await receive_small(request, limit=MAX_MANIFEST, stall=self._options.stall)
        declared = request.headers.get("Content-Type")
        manifest = await self._threads.run(self._put, repository, wanted, raw, declared)
        headers = {
            "Location": manifest_path(repository, manifest.digest),
            DOCKER_CONTENT_DIGEST: str(manifest.digest),
        }
        if manifest.document.subject is not None:
            # Tells the client that referrers are kept here, so it need not keep a tag of its own for them.
            headers[OCI_SUBJECT] = str(manifest.document.subject.digest)
        return empty(201, headers)

    def _put(self, repository: str, wanted: Digest | str, raw: bytes, declared: str | None) -> NewManifest:
        digest = Digest.of(raw)
        if isinstance(wanted, Digest):
            found = Digest(wanted.algorithm, hashlib.new(wanted.algorithm, raw).hexdigest())
            if found != wanted:
                raise DigestMismatch(wanted, found)
            digest = wanted
        manifest = NewManifest(digest, raw, parse_manifest(raw, declared))
        tag = wanted if isinstance(wanted, str) else None
        self._storage.put_manifest(repository, tag, manifest)
        return manifest

    async def delete(self, _request: web.BaseRequest, repository: str, reference: str) -> web.StreamResponse:
        """`DELETE /v2/NAME/manifests/REFERENCE`: a manifest with its tags, or one tag."""
        wanted = parse_reference(reference)
        await self._threads.run(self._storage.delete_manifest, repository, wanted)
        return empty(202)
