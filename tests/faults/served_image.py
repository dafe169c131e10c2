"""A registry for tests that serves images under every repository, in small pieces, and counts what it is asked.

It is a `BadRegistry`: what a test scripts for a path goes before what it serves.
"""

from __future__ import annotations

import re
import socket

from faults.bad_registry import BadRegistry, Content, Seen, Step
from shale.oci import mediatype
from shale.oci.digest import Digest
from store_images import Image

__all__ = ["PIECE", "ImageRegistry", "first_byte"]

PIECE = 16 * 1024
"""Bytes that are sent at once."""
_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>blobs|manifests)/(?P<reference>[^/?]+)(\?.*)?\Z")


class ImageRegistry(BadRegistry):
    """Serves one image as every tag of every repository.

    Args:
        image: what it serves.
        pause: seconds between two pieces of a body.
    """

    def __init__(self, image: Image, *, pause: float = 0.0) -> None:
        super().__init__()
        self.image = image
        self.pause = pause
        self._blobs = {str(Digest.of(blob)): blob for blob in image.blobs}

    def fetches(self, repository: str) -> list[Seen]:
        """The requests for blobs of a repository so far."""
        return [each for each in self.requests("GET") if each.path.startswith(f"/v2/{repository}/blobs/")]

    def _next_step(self, method: str, target: str) -> Step:
        with self._lock:
            scripted = (method, target.partition("?")[0]) in self._steps
        found = _PATH.match(target)
        if scripted or found is None or method not in ("GET", "HEAD"):
            return super()._next_step(method, target)
        if found["kind"] == "manifests":
            if ":" in found["reference"] and found["reference"] != str(self.image.digest):
                return super()._next_step(method, target)
            return Content(self.image.manifest, headers={"Content-Type": mediatype.OCI_MANIFEST})
        if found["reference"] not in self._blobs:
            return super()._next_step(method, target)
        return Content(self._blobs[found["reference"]], etag=f'"{found["reference"]}"')

    def _write(self, connection: socket.socket, data: bytes, drip: float) -> None:
        for start in range(0, len(data), PIECE):
            super()._write(connection, data[start : start + PIECE], drip)
            if self.pause and len(data) > PIECE and self._closing.wait(self.pause):
                return


def first_byte(seen: Seen) -> int:
    """Where a request for a blob asks to begin."""
    return int(seen.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
