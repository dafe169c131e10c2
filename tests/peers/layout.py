"""OCI image layouts written and read with nothing but the standard library: no line of shale is in them."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from peers.process import run, tool

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CREATED = "2024-02-29T12:00:00Z"

Compression = Literal["none", "gzip", "zstd"]


@dataclass(frozen=True, slots=True)
class Content:
    """What a descriptor says of a blob (image-spec, descriptor.md)."""

    media_type: str
    digest: str
    size: int
    platform: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None

    def document(self) -> dict[str, object]:
        """The descriptor as JSON knows it."""
        document: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.platform:
            document["platform"] = dict(self.platform)
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return document


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's blob, the digest of its tar, and the instruction that made it."""

    content: Content
    diff_id: str
    created_by: str


@dataclass(frozen=True, slots=True)
class LayoutWriter:
    """Writes an image layout into an empty folder; `finish` makes it complete."""

    folder: Path
    env: Mapping[str, str]
    tags: dict[str, Content] = field(default_factory=dict)

    def file(self, path: Path, media_type: str) -> Content:
        """Move a file in as a blob."""
        with path.open("rb") as stream:
            encoded = hashlib.file_digest(stream, "sha256").hexdigest()
        blobs = self.folder / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size
        path.rename(blobs / encoded)
        return Content(media_type, f"sha256:{encoded}", size)

    def bytes(self, body: bytes, media_type: str) -> Content:
        """Write a small blob."""
        path = self.folder / "blob"
        path.write_bytes(body)
        return self.file(path, media_type)

    def json(self, document: Mapping[str, object], media_type: str) -> Content:
        """Write a document as a blob."""
        return self.bytes(json.dumps(document, indent=1).encode(), media_type)

    def layer(self, tar: Path, created_by: str, compression: Compression = "gzip") -> Layer:
        """Write a tar file, which is used up, as a layer."""
        with tar.open("rb") as stream:
            diff_id = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
        packed = tar.with_suffix(".packed")
        if compression == "none":
            tar.rename(packed)
            return Layer(self.file(packed, LAYER), diff_id, created_by)
        if compression == "gzip":
            _gzip(tar, packed)
        else:
            run([tool("zstd", "zstd"), "-q", "-3", str(tar), "-o", str(packed)], env=self.env)
        tar.unlink()
        return Layer(self.file(packed, f"{LAYER}+{compression}"), diff_id, created_by)

    def image(self, layers: Sequence[Layer], *, architecture: str, settings: Mapping[str, object]) -> Content:
        """Write config and manifest of an image for Linux; `settings` is what a container of it runs with."""
        history: list[dict[str, object]] = [
            {"created": CREATED, "created_by": layer.created_by} for layer in layers
        ]
        history.append({"created": CREATED, "created_by": 'CMD ["sh"]', "empty_layer": True})
        config: dict[str, object] = {
            "created": CREATED,
            "architecture": architecture,
            "os": "linux",
            "config": dict(settings),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": history,
        }
        return self.manifest(self.json(config, CONFIG), [layer.content for layer in layers])

    def manifest(self, config: Content, layers: Sequence[Content], **more: object) -> Content:
        """Write an image manifest; `more` are further fields of it."""
        document: dict[str, object] = {"schemaVersion": 2, "mediaType": MANIFEST, **more}
        document["config"] = config.document()
        document["layers"] = [layer.document() for layer in layers]
        return self.json(document, MANIFEST)

    def finish(self) -> None:
        """Write the layout's own two files."""
        named = [
            {**content.document(), "annotations": {"org.opencontainers.image.ref.name": tag}}
            for tag, content in self.tags.items()
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": named}
        (self.folder / "index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="ascii")


@dataclass(frozen=True, slots=True)
class LayoutImage:
    """One named manifest or index in an image layout. Never write to the folder: sessions share it."""

    layout: Path
    tag: str
    digest: str
    media_type: str

    @property
    def name(self) -> str:
        """The image in skopeo's notation."""
        return f"oci:{self.layout}:{self.tag}"

    def blob(self, digest: str) -> Path:
        """Where a blob lies."""
        algorithm, _, encoded = digest.partition(":")
        return self.layout / "blobs" / algorithm / encoded

    def document(self, digest: str | None = None) -> Any:
        """A manifest, index or config as decoded JSON; the named one when no digest is given."""
        return json.loads(self.blob(digest or self.digest).read_bytes())

    def manifests(self) -> list[str]:
        """The digests of the image manifests: the named one, or the children of the named index."""
        if self.media_type == INDEX:
            return [child["digest"] for child in self.document()["manifests"]]
        return [self.digest]

    def blobs(self) -> list[str]:
        """The digests of every config and layer, each once."""
        return list(dict.fromkeys(self._blobs()))

    def _blobs(self) -> Iterator[str]:
        for manifest in self.manifests():
            document = self.document(manifest)
            yield document["config"]["digest"]
            yield from (layer["digest"] for layer in document["layers"])


def open_layout(folder: Path, tag: str) -> LayoutImage:
    """The image of that tag in a layout; raises `LookupError` when there is none."""
    for entry in json.loads((folder / "index.json").read_bytes())["manifests"]:
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag:
            return LayoutImage(folder, tag, entry["digest"], entry["mediaType"])
    raise LookupError(f"{folder} has no image tagged {tag}")


def _gzip(source: Path, target: Path) -> None:
    with (
        source.open("rb") as tar,
        target.open("wb") as packed,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=packed, mtime=0) as stream,
    ):
        shutil.copyfileobj(tar, stream, 1 << 20)
