"""Images for tests of the command line: layers that are tars, put into a store by the library."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import encode_document
from shale.oci.manifest import Manifest
from shale.store.content import LayerRecord, Source
from shale.store.store import Store, open_store
from store_images import Image, keep_image

__all__ = ["add_image", "add_images", "build_image", "keep", "tar_of"]


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """A tar with these files, always the same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _descriptor(media_type: str, content: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))


def build_image(
    *,
    layers: Sequence[Mapping[str, bytes]] = ({"etc/hello": b"hello\n"},),
    created: str = "2024-05-01T10:20:30Z",
    history: Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
    platform: tuple[str, str] = ("linux", "amd64"),
) -> Image:
    """An image as bytes.

    Args:
        layers: the files of each layer, base first.
        created: RFC 3339.
        history: steps as in the config; by default one for each layer and an empty one above.
        config: the `config` of the image's config.
        platform: os and architecture.
    """
    tars = tuple(tar_of(files) for files in layers)
    steps: Sequence[Mapping[str, Any]] = (
        history
        if history is not None
        else [
            *(
                {"created": created, "created_by": f"/bin/sh -c #(nop) ADD layer-{number}"}
                for number in range(len(tars))
            ),
            {"created": created, "created_by": 'CMD ["/bin/sh"]', "comment": "buildkit", "empty_layer": True},
        ]
    )
    raw_config = json.dumps(
        {
            "architecture": platform[1],
            "os": platform[0],
            "created": created,
            "author": "someone",
            "config": {"Cmd": ["/bin/sh"], **(config or {})},
            "rootfs": {"type": "layers", "diff_ids": [str(DiffID.of(tar)) for tar in tars]},
            "history": list(steps),
        }
    ).encode()
    manifest = Manifest(
        schema_version=2,
        media_type=mediatype.OCI_MANIFEST,
        config=_descriptor(mediatype.OCI_CONFIG, raw_config),
        layers=tuple(_descriptor(mediatype.OCI_LAYER, tar) for tar in tars),
    )
    return Image(encode_document(manifest), raw_config, tars)


def add_image(root: Path, image: Image, *names: str, source: Source | None = None) -> Digest:
    """Put an image into the store at a folder, under names; without any it is dangling."""
    with open_store(root) as store:
        return keep(store, image, *names, source=source)


def keep(store: Store, image: Image, *names: str, source: Source | None = None) -> Digest:
    """Put an image into an open store, its layers measured as a pull measures them."""
    for name in names or (None,):
        keep_image(store, image, name, source=source)
    with store.database.write() as tx:
        records = [
            LayerRecord(Digest.of(tar), DiffID.of(tar), len(tar), _content_size(tar)) for tar in image.layers
        ]
        store.content.record_layers(tx, records)
        store.content.record_from_blobs(tx, image.digest)
    return image.digest


def _content_size(tar: bytes) -> int:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return sum(member.size for member in archive)


def add_images(store: Store, count: int) -> None:
    """Fill a store with `count` small images that share their base."""
    base = {"etc/os-release": b"ID=base\n"}
    for number in range(count):
        image = build_image(
            layers=(base, {"app": f"{number}\n".encode()}), config={"Labels": {"n": str(number)}}
        )
        keep(store, image, f"docker.io/team/app-{number}:v1")
