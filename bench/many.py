"""An archive, as `docker save` writes it, of many small images with a config each, which share one layer."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from peers import trees
from peers.images import here
from peers.layout import CREATED

REPOSITORY = "localhost/bench/many"


def names(count: int) -> list[str]:
    """The names of so many images."""
    return [f"{REPOSITORY}:v{number:04}" for number in range(count)]


def write_many(folder: Path, count: int) -> Path:
    """Write the archive into a folder."""
    tar = folder / "layer.tar"
    with trees.writing(tar) as writer:
        writer.file("etc/motd", b"one of many\n")
    layer = tar.read_bytes()
    diff_id = hashlib.sha256(layer).hexdigest()
    target = folder / "many.tar"
    with tarfile.open(target, "w") as archive:
        _add(archive, f"{diff_id}/layer.tar", layer)
        manifest = []
        for name in names(count):
            config = json.dumps(_config(name, f"sha256:{diff_id}")).encode()
            file = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(archive, file, config)
            manifest.append({"Config": file, "RepoTags": [name], "Layers": [f"{diff_id}/layer.tar"]})
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return target


def _config(name: str, diff_id: str) -> dict[str, object]:
    return {
        "created": CREATED,
        "architecture": here(),
        "os": "linux",
        "config": {"Env": ["PATH=/bin"], "Labels": {"name": name}},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": CREATED, "created_by": f"RUN {name}"}],
    }


def _add(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(body)
    archive.addfile(entry, io.BytesIO(body))
