"""RF and MR rows for whole images: manifests, indexes and configs that lie.

After each of them the store is sound, and nothing is named that did not come whole.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from faults.bad_registry import Reply
from faults.hands import APP, CONFIG, LAYERS, MANIFEST, Hands, Kinds, changed, manifest_of
from faults.image_registry import digest_of
from faults.image_work import LARGE, OLD, described
from shale.errors import ShaleError
from shale.image.expectation import DiffIDMismatch
from shale.image.graph import NoMatchingPlatform
from shale.oci import mediatype
from shale.oci.document import InvalidDocument
from shale.oci.manifest import SchemaOne
from shale.registry.client.blobs import BlobTooLong
from shale.registry.client.failures import (
    AnswerTooLarge,
    BadAnswer,
)
from shale.registry.client.manifests import ManifestCorrupt
from shale.store.ingest import SizeMismatch
from shale.store.store import Store

AS_INDEX = {"Content-Type": mediatype.OCI_INDEX}
BAD_MANIFESTS: dict[str, tuple[Reply, Kinds]] = {
    "junk": (manifest_of(b"\xff\xfe\x00junk"), BadAnswer),
    "a page": (Reply(200, {"Content-Type": "text/html"}, b"<html>"), BadAnswer),
    "half": (manifest_of(LARGE.manifest[:-20]), InvalidDocument),
    "a list": (manifest_of([1]), (InvalidDocument, BadAnswer)),
    "deep": (manifest_of(b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), InvalidDocument),
    "huge": (manifest_of(b'{"x": "' + b"a" * (5 << 20) + b'"}'), AnswerTooLarge),
    "huge, length unsaid": (
        Reply(200, {"Content-Type": mediatype.OCI_MANIFEST}, b'{"x": "' + b"a" * (5 << 20), length=-1),
        AnswerTooLarge,
    ),
    "endless": (
        Reply(200, {"Content-Type": mediatype.OCI_MANIFEST}, b'{"x":' + b" " * 9999, length=-1, endless=True),
        AnswerTooLarge,
    ),
    "schema 1": (manifest_of({"schemaVersion": 1, "fsLayers": []}), SchemaOne),
    "declared as an index": (Reply(200, AS_INDEX, LARGE.manifest), InvalidDocument),
    "two kinds at once": (manifest_of(changed(manifests=[])), InvalidDocument),
    "a path for a digest": (
        manifest_of(changed(config={**CONFIG, "digest": "sha256:../../../etc/passwd"})),
        InvalidDocument,
    ),
    "upper case": (
        manifest_of(changed(config={**CONFIG, "digest": str(CONFIG["digest"]).upper()})),
        InvalidDocument,
    ),
    "a negative size": (manifest_of(changed(config={**CONFIG, "size": -1})), InvalidDocument),
    "a size beyond all": (manifest_of(changed(config={**CONFIG, "size": 1 << 70})), InvalidDocument),
    "a huge config": (manifest_of(changed(config={**CONFIG, "size": 1 << 40})), InvalidDocument),
    "a config that is a layer": (
        manifest_of(changed(config={**LAYERS[0], "mediaType": mediatype.OCI_CONFIG})),
        InvalidDocument,
    ),
    "a layer too few": (manifest_of(changed(layers=LAYERS[:2])), InvalidDocument),
    "a layer too many": (manifest_of(changed(layers=[*LAYERS, LAYERS[0]])), InvalidDocument),
    "layers in another order": (manifest_of(changed(layers=LAYERS[::-1])), DiffIDMismatch),
    "a layer in another's place": (manifest_of(changed(layers=[LAYERS[0]] * 3)), DiffIDMismatch),
    "a wrong size": (
        manifest_of(changed(layers=[{**LAYERS[0], "size": 7}, *LAYERS[1:]])),
        (BlobTooLong, SizeMismatch),
    ),
}


@pytest.mark.parametrize("fault", BAD_MANIFESTS)
def test_a_manifest_that_lies(hands: Hands, fault: str) -> None:
    reply, kind = BAD_MANIFESTS[fault]
    hands.registry.script("GET", MANIFEST, reply)
    hands.fails(kind)
    hands.registry.script("GET", MANIFEST, manifest_of(LARGE.manifest))
    hands.succeeds(LARGE)


def test_a_digest_gets_its_own_bytes_or_nothing(hands: Hands, store: Store) -> None:
    """The header may say what it likes; asked for by digest, other bytes are refused."""
    path = f"/v2/app/manifests/{LARGE.digest}"
    says = {"Content-Type": mediatype.OCI_MANIFEST, "Docker-Content-Digest": str(LARGE.digest)}
    hands.registry.script("GET", path, Reply(200, says, OLD.manifest))
    with pytest.raises(ManifestCorrupt):
        hands.pull(APP.with_digest(LARGE.digest))
    assert store.names.all() == []
    says["Docker-Content-Digest"] = str(OLD.digest)
    hands.registry.script("GET", MANIFEST, Reply(200, says, LARGE.manifest))
    hands.succeeds(LARGE)  # the hash that we took counts


def test_configs_that_are_no_configs(hands: Hands) -> None:
    for config in (b"junk", b"[]", b'{"rootfs":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b'{"os": 7}', b"{}"):
        manifest = {**json.loads(LARGE.manifest), "config": described(mediatype.OCI_CONFIG, config)}
        raw = json.dumps(manifest).encode()
        hands.registry.offer_bytes(config, raw, tag="v1")
        hands.fails(InvalidDocument)


def test_an_index_of_lies(hands: Hands) -> None:
    """Wrong sizes, nothing for this platform, itself as its child, and more children than anybody follows."""
    platform = {"os": "linux", "architecture": "amd64"}
    entry = {**described(mediatype.OCI_MANIFEST, LARGE.manifest), "platform": platform}
    cases: list[tuple[list[dict[str, Any]], type[ShaleError]]] = [
        ([{**entry, "size": 3}], InvalidDocument),
        ([{**entry, "platform": {"os": "linux", "architecture": "s390x"}}], NoMatchingPlatform),
        ([{**entry, "digest": digest_of(b"nowhere")}], ShaleError),
        ([{**entry, "mediaType": mediatype.OCI_INDEX}], InvalidDocument),
        ([], NoMatchingPlatform),
    ]
    for manifests, kind in cases:
        raw = json.dumps(
            {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": manifests}
        ).encode()
        hands.registry.script("GET", MANIFEST, Reply(200, {"Content-Type": mediatype.OCI_INDEX}, raw))
        hands.fails(kind)
