"""A small true registry over `BadRegistry`: serves and takes images, counts every byte, and breaks on demand.

What is scripted goes before what it holds, so one path can lie while all others are honest. Everything that
is `offer`ed is there under every repository: so each run of a workload can have a repository of its own, and
its requests are told from those of others.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import socket
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from faults.bad_registry import BadRegistry, Content, Reply, Seen, Step, error
from shale.oci.manifest import detect_media_type
from store_images import Image

__all__ = ["Asked", "ImageRegistry", "digest_of"]

_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs/uploads|blobs)/(?P<last>[^/]*)\Z")
_PIECE = 16 * 1024


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A blob that was asked for, from an offset on."""

    repository: str
    digest: str
    first: int
    size: int

    @property
    def bytes(self) -> int:
        return self.size - self.first


class ImageRegistry(BadRegistry):
    """Use it as `BadRegistry`; `offer` images, or push to it."""

    def __init__(self, *, pace: float = 0.0) -> None:
        super().__init__()
        self.pace = pace
        """Seconds that 16 KiB of a blob take, in either direction."""
        self.asked: list[Asked] = []
        self.order: list[str] = []
        """What was put, in the order in which it was there."""
        self._offered: dict[str, bytes] = {}
        self.blobs: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self.manifests: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
        self._uploads: dict[str, bytearray] = {}
        self._numbers = itertools.count()

    def offer(self, image: Image, tag: str) -> None:
        """Have an image under a tag, in every repository."""
        self.offer_bytes(*image.blobs)
        self._offered[tag] = image.manifest

    def offer_bytes(self, *contents: bytes, tag: str | None = None) -> None:
        """Have contents by their digests, the last one under a tag too."""
        self._offered.update({digest_of(content): content for content in contents})
        if tag is not None:
            self._offered[tag] = contents[-1]

    def asked_of(self, repository: str) -> list[Asked]:
        with self._lock:
            return [one for one in self.asked if one.repository == repository]

    def image_is_whole(self, repository: str, image: Image, tag: str) -> bool:
        """Whether an image was put completely and rightly."""
        there = self.blobs[repository]
        return self.manifests[repository].get(tag) == image.manifest and all(
            there.get(digest_of(content)) == content for content in (image.config, *image.layers)
        )

    def _next_step(self, method: str, target: str) -> Step:
        with self._lock:
            if (method, target.partition("?")[0]) in self._steps:
                steps = self._steps[method, target.partition("?")[0]]
                return steps.pop(0) if len(steps) > 1 else steps[0]
        return self._answer

    def _write(self, connection: socket.socket, data: bytes, drip: float) -> None:
        if drip or not self.pace or len(data) <= _PIECE:
            super()._write(connection, data, drip)
            return
        for start in range(0, len(data), _PIECE):
            connection.sendall(data[start : start + _PIECE])
            time.sleep(self.pace)

    def _answer(self, seen: Seen) -> Reply:
        time.sleep(self.pace * len(seen.body) / _PIECE)
        url = urlsplit(seen.target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match = _PATH.match(url.path)
        if match is None:
            return Reply(200 if url.path == "/v2/" else 404)
        with self._lock:
            if match["kind"] == "manifests":
                return self._manifest(seen, match["repository"], match["last"])
            if match["kind"] == "blobs":
                return self._blob(seen, match["repository"], match["last"])
            return self._upload(seen, match["repository"], match["last"], query)

    def _manifest(self, seen: Seen, repository: str, reference: str) -> Reply:
        there = self.manifests[repository]
        if seen.method == "PUT":
            digest = digest_of(seen.body)
            there[reference] = there[digest] = seen.body
            self.order.append(reference)
            return Reply(201, {"Docker-Content-Digest": digest, "Location": f"/v2/{repository}/x"})
        raw = there.get(reference) or self._offered.get(reference)
        if raw is None:
            return error(404, "MANIFEST_UNKNOWN", "no such manifest")
        kind = {"Content-Type": detect_media_type(raw), "Docker-Content-Digest": digest_of(raw)}
        return Reply(200, kind, raw)

    def _blob(self, seen: Seen, repository: str, digest: str) -> Reply:
        content = self.blobs[repository].get(digest)
        if content is None and seen.method == "GET":
            content = self._offered.get(digest)
        if content is None:
            return error(404, "BLOB_UNKNOWN", "no such blob")
        if seen.method == "GET":
            first = re.match(r"bytes=(\d+)-", seen.headers.get("range", ""))
            self.asked.append(Asked(repository, digest, int(first[1]) if first else 0, len(content)))
        return Content(content, etag=f'"{digest}"')(seen)

    def _upload(self, seen: Seen, repository: str, session: str, query: dict[str, str]) -> Reply:
        if seen.method == "POST":
            mounted = self.blobs[query.get("from", "")].get(query.get("mount", ""))
            if mounted is not None:
                self.blobs[repository][query["mount"]] = mounted
                self.order.append(query["mount"])
                return Reply(201, {"Location": f"/v2/{repository}/blobs/{query['mount']}"})
            session = f"upload-{next(self._numbers)}"
            self._uploads[session] = bytearray()
            return Reply(202, {"Location": f"/v2/{repository}/blobs/uploads/{session}"})
        held = self._uploads.get(session)
        if held is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if seen.method in ("PATCH", "PUT"):
            held += seen.body
        where = {"Location": f"/v2/{repository}/blobs/uploads/{session}", "Range": f"0-{max(0, len(held) - 1)}"}
        if seen.method != "PUT":
            return Reply(202 if seen.method == "PATCH" else 204, where)
        if digest_of(bytes(held)) != query.get("digest"):
            del self._uploads[session]
            return error(400, "DIGEST_INVALID", "the bytes have another digest")
        self.blobs[repository][query["digest"]] = bytes(held)
        self.order.append(query["digest"])
        return Reply(201, {"Location": f"/v2/{repository}/blobs/{query['digest']}"})


def total(asked: Iterable[Asked]) -> int:
    """Bytes that were asked for."""
    return sum(one.bytes for one in asked)
