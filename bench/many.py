"""A repository with many small images: each has a config of its own, and all share one layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO

from bench.stage import Stage
from peers import trees
from peers.images import here
from peers.layout import CONFIG, CREATED, LAYER, MANIFEST
from peers.process import PeerFailed
from peers.registry import Registry

REPOSITORY = "bench/many"


def tags(count: int) -> list[str]:
    """The tags of a repository of so many images."""
    return [f"v{number:04}" for number in range(count)]


def push_many(stage: Stage, registry: Registry, count: int) -> None:
    """Push the images to a registry; plain requests, nothing of shale's."""
    tar = stage.ground.fresh("many") / "layer.tar"
    with trees.writing(tar) as writer:
        writer.file("etc/motd", b"one of many\n")
    layer = _blob(registry, tar.read_bytes(), LAYER)
    for tag in tags(count):
        config = {
            "created": CREATED,
            "architecture": here(),
            "os": "linux",
            "config": {"Env": ["PATH=/bin", f"WHICH={tag}"], "Labels": {"which": tag}},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            "history": [{"created": CREATED, "created_by": f"RUN {tag}"}],
        }
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _blob(registry, json.dumps(config).encode(), CONFIG),
            "layers": [layer],
        }
        body = json.dumps(document).encode()
        _put(registry, f"{REPOSITORY}/manifests/{tag}", body, {"Content-Type": MANIFEST})


def _blob(registry: Registry, body: bytes, media_type: str) -> dict[str, object]:
    digest = f"sha256:{hashlib.file_digest(BytesIO(body), 'sha256').hexdigest()}"
    begun = registry.request(f"{REPOSITORY}/blobs/uploads/", method="POST", body=b"")
    path = begun.headers["Location"].partition("/v2/")[2]
    _put(registry, f"{path}&digest={digest}", body, {"Content-Type": "application/octet-stream"})
    return {"mediaType": media_type, "digest": digest, "size": len(body)}


def _put(registry: Registry, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    answer = registry.request(path, method="PUT", headers=headers, body=body)
    if answer.status != 201:
        raise PeerFailed(f"PUT {path}: status {answer.status}: {answer.body!r}")
