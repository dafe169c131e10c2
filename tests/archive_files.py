"""Archives for tests, written with the standard library: good ones, and ones that lie."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shale.oci.digest import DiffID, Digest
from store_images import Image, make_image, noise

REF_NAME = "org.opencontainers.image.ref.name"


def layer_tar(files: Mapping[str, bytes]) -> bytes:
    """A layer: a plain tar of these files."""
    return tar_of([(name, content) for name, content in files.items()])


def tar_of(entries: Sequence[tuple[str, bytes] | tarfile.TarInfo]) -> bytes:
    """A tar of files and of entries of other kinds, in this order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            header = tarfile.TarInfo(entry[0])
            header.size = len(entry[1])
            tar.addfile(header, io.BytesIO(entry[1]))
    return buffer.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


def real_image(seed: str, layers: int = 2, size: int = 5000) -> Image:
    """An image whose layers are tars."""
    return make_image(
        seed,
        layers=tuple(layer_tar({f"srv/{seed}-{at}": noise(f"{seed}{at}", size + at)}) for at in range(layers)),
    )


def blob_entry(content: bytes) -> tuple[str, bytes]:
    return f"blobs/sha256/{Digest.of(content).encoded}", content


def descriptor(content: bytes, media_type: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)
    }  # fmt: skip
    return {**found, "annotations": dict(annotations)} if annotations else found


def index_json(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": list(entries)}).encode()


def oci_entries(image: Image, annotations: Mapping[str, str] | None = None) -> list[tuple[str, bytes]]:
    """The files of an OCI layout with one image."""
    entry = descriptor(image.manifest, "application/vnd.oci.image.manifest.v1+json", annotations)
    return [
        *(blob_entry(content) for content in image.blobs),
        ("index.json", index_json(entry)),
        ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
    ]


def docker_entries(image: Image, names: Sequence[str] | None) -> list[tuple[str, bytes]]:
    """The files of what docker before 25 saves."""
    layers = [(f"{DiffID.of(layer).encoded}/layer.tar", layer) for layer in image.layers]
    config = f"{Digest.of(image.config).encoded}.json"
    manifest = [{"Config": config, "RepoTags": names, "Layers": [name for name, _ in layers]}]
    return [(config, image.config), *layers, ("manifest.json", json.dumps(manifest).encode())]


def write_folder(folder: Path, entries: Sequence[tuple[str, bytes]]) -> Path:
    for name, content in entries:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def platform_index(*children: tuple[Image, str]) -> bytes:
    """An index of images, each for linux on an architecture."""
    manifests = [
        {**descriptor(image.manifest, "application/vnd.oci.image.manifest.v1+json"),
         "platform": {"os": "linux", "architecture": architecture}}
        for image, architecture in children
    ]  # fmt: skip
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
        }
    ).encode()
