"""Pulls and pushes with a bad registry, and what must hold after each of them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from faults.bad_registry import Reply
from faults.clients import IMPATIENT, SHORT, rig
from faults.image_registry import ImageRegistry, digest_of
from faults.image_work import LARGE, described
from shale.errors import ShaleError
from shale.events import silent
from shale.image.listing import list_images
from shale.image.pull import Puller
from shale.image.push import Pusher
from shale.image.remote import RemoteRepository
from shale.oci import mediatype
from shale.oci.digest import DiffID, Digest
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import Credential
from shale.store.check import check
from shale.store.content import Source
from shale.store.store import Store
from store_images import Image

Kinds = type[ShaleError] | tuple[type[ShaleError], ...]
HOST = Platform(os="linux", architecture="amd64")
APP = Reference("registry.test", "app", "v1")
ORIGIN = Source("registry.test", "app")
HANG = 60.0


@dataclass(frozen=True, slots=True)
class Hands:
    """Pull and push with an impatient client."""

    store: Store
    registry: ImageRegistry
    credential: Credential | None = None

    def pull(self, reference: Reference = APP, platform: Platform | None = HOST) -> Digest:
        with rig(
            self.registry.host, timeouts=SHORT, policy=IMPATIENT, credential=self.credential
        ).client as client:
            puller = Puller(self.store, silent, Cancellation())
            origin = Source(reference.registry, reference.repository)
            source = RemoteRepository(client.at(reference))
            return puller.pull(source, reference, platform, "pull", origin).target

    def push(self, target: Digest, tag: str = "v1") -> None:
        with rig(
            self.registry.host, timeouts=SHORT, policy=IMPATIENT, credential=self.credential
        ).client as client:
            destination = RemoteRepository(client.at(APP))
            Pusher(self.store, silent, Cancellation()).push(target, destination, [tag], None, HOST, ORIGIN)

    def fails(self, kind: Kinds) -> ShaleError:
        """A pull that ends with an error, in time, leaves a sound store and no name."""
        begun = time.monotonic()
        with pytest.raises(kind) as caught:
            self.pull()
        assert time.monotonic() - begun < HANG
        assert self.store.names.all() == []
        assert list_images(self.store, HOST) == []
        assert check(self.store).damage == ()
        assert caught.value.message.strip() == caught.value.message != ""
        return caught.value

    def succeeds(self, image: Image) -> None:
        """A pull brings an image whole, and the store is sound."""
        assert self.pull() == image.digest
        for content in image.blobs:
            assert self.store.blobs.verify(Digest.of(content)) == len(content)
        assert self.store.names.get(APP).target == image.digest
        report = check(self.store)
        assert (report.damage, report.leftovers) == ((), ())


def blob_path(content: bytes) -> str:
    return f"/v2/app/blobs/{digest_of(content)}"


MANIFEST = "/v2/app/manifests/v1"
LAYER = LARGE.layers[2]


def build(tars: list[bytes], layers: list[bytes], kind: str = mediatype.OCI_LAYER, **more: Any) -> Image:
    config = json.dumps(
        {"architecture": "amd64", "os": "linux",
         "rootfs": {"type": "layers", "diff_ids": [str(DiffID.of(tar)) for tar in tars]}, **more}
    ).encode()  # fmt: skip
    manifest = {
        "schemaVersion": 2, "mediaType": mediatype.OCI_MANIFEST,
        "config": described(mediatype.OCI_CONFIG, config), "layers": [described(kind, one) for one in layers],
    }  # fmt: skip
    return Image(json.dumps(manifest).encode(), config, tuple(layers))


def manifest_of(document: Any) -> Reply:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(200, {"Content-Type": mediatype.OCI_MANIFEST}, raw)


def changed(**changes: Any) -> dict[str, Any]:
    return {**json.loads(LARGE.manifest), **changes}


CONFIG = described(mediatype.OCI_CONFIG, LARGE.config)
LAYERS = json.loads(LARGE.manifest)["layers"]
