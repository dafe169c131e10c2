"""Speaking to a registry in plain HTTP, one connection per request, without anything of shale's client."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def descriptor(content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def manifest(config: bytes, layers: Iterable[bytes] = (), **more: Any) -> bytes:
    """An image manifest; the keyword `config_type` changes the type of its config."""
    kind = more.pop("config_type", CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(config, kind),
        "layers": [descriptor(layer, LAYER) for layer in layers],
    }
    return json.dumps({**document, **more}).encode()


def index(children: Iterable[bytes], **more: Any) -> bytes:
    manifests = [descriptor(child, MANIFEST) for child in children]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, **more}).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The error codes of an error body."""
        return [error["code"] for error in self.json["errors"]]

    def __getitem__(self, name: str) -> str:
        value = self.headers[name]
        assert value is not None, f"no {name} in {self.headers}"
        return value


@dataclass(frozen=True, slots=True)
class Wire:
    """A registry at an address, and one of its repositories to work in."""

    address: str
    repository: str = "team/app"

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a path that does not begin with `/` is below the repository."""
        where = path if path.startswith("/") else f"/v2/{self.repository}/{path}"
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, where, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.msg, response.read())
        finally:
            connection.close()

    def begin(self) -> str:
        """Begin an upload: its location."""
        answer = self("POST", "blobs/uploads/")
        assert answer.status == 202, answer
        return answer["Location"]

    def push_blob(self, content: bytes) -> str:
        digest = digest_of(content)
        answer = self("PUT", f"{self.begin()}?digest={digest}", content)
        assert answer.status == 201, answer
        return digest

    def push_manifest(self, raw: bytes, reference: str | None = None, media_type: str = MANIFEST) -> Answer:
        where = f"manifests/{reference or digest_of(raw)}"
        return self("PUT", where, raw, {"Content-Type": media_type})

    def push_image(self, tag: str | None = None, config: bytes = b"{}", layers: Iterable[bytes] = ()) -> bytes:
        """Push a whole image: the bytes of its manifest."""
        layers = list(layers)
        for content in (config, *layers):
            self.push_blob(content)
        raw = manifest(config, layers)
        answer = self.push_manifest(raw, tag)
        assert answer.status == 201, answer
        return raw


def speak(address: str, request: bytes) -> bytes:
    """Send bytes as they are and read until the server closes, or is silent for a second."""
    host, _, port = address.rpartition(":")
    heard = b""
    with socket.create_connection((host, int(port)), timeout=1) as connection:
        connection.sendall(request)
        try:
            while chunk := connection.recv(65536):
                heard += chunk
        except TimeoutError:
            pass
    return heard
