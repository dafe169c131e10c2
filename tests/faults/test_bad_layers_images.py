"""RF and MR rows for whole images: layers that are not what they are said to be, and odd texts.

After each of them the store is sound, and nothing is named that did not come whole.
"""

from __future__ import annotations

import gzip
import json

import pytest

from archive_files import layer_tar
from faults.hands import Hands, Kinds, build
from faults.image_registry import digest_of
from faults.image_work import OLD
from shale.errors import ShaleError
from shale.image.expectation import DiffIDMismatch
from shale.layer.field import TruncatedTar
from shale.layer.frames import CorruptStream
from shale.oci import mediatype
from store_images import Image

TAR = layer_tar({"etc/hello": b"hello"})
LONG = layer_tar({"etc/long": b"hello" * 200})
PACKED = gzip.compress(TAR, mtime=0)
HOSTILE: dict[str, tuple[Image, Kinds]] = {
    "no tar": (build([b"junk" * 999], [b"junk" * 999]), ShaleError),
    "no tar, in gzip": (build([b"junk" * 999], [gzip.compress(b"junk" * 999)]), ShaleError),
    "half a tar": (build([LONG[:1000]], [LONG[:1000]]), TruncatedTar),
    "half a gzip": (build([TAR], [gzip.compress(TAR)[:-9]]), CorruptStream),
    "another DiffID": (build([OLD.config], [TAR]), DiffIDMismatch),
    "the digest for a DiffID": (build([PACKED], [PACKED]), DiffIDMismatch),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_layer_that_is_not_what_the_config_says(hands: Hands, fault: str) -> None:
    image, kind = HOSTILE[fault]
    hands.registry.offer(image, "v1")
    asked = len(hands.registry.asked)
    hands.fails(kind)
    hands.fails(kind)  # and again, from what is here already
    firsts = [one.first for one in hands.registry.asked[asked:] if one.digest == digest_of(image.layers[0])]
    assert firsts == [0], "a layer that is broken where it comes from is fetched once"


@pytest.mark.parametrize("packing", ["gzip under zstd's name", "plain under gzip's name"])
def test_the_bytes_say_how_they_are_packed(hands: Hands, packing: str) -> None:
    packed = gzip.compress(TAR, mtime=0) if packing.startswith("gzip") else TAR
    kind = mediatype.OCI_LAYER_ZSTD if packing.startswith("gzip") else mediatype.OCI_LAYER_GZIP
    image = build([TAR], [packed], kind)
    hands.registry.offer(image, "v1")
    hands.succeeds(image)


def test_annotations_and_labels_are_text(hands: Hands) -> None:
    """CVE-2025-62725 and others: nothing in a document is ever a path, whatever it looks like."""
    image = build(
        [TAR], [TAR], config={"Labels": {"../../x": "/../../y"}, "Volumes": {"/../../x": {}}, "User": "-1"},
        history=[{"created_by": "\x1b[2Jclear", "comment": "../../z"}],
    )  # fmt: skip
    document = json.loads(image.manifest)
    document["annotations"] = {"org.opencontainers.image.title": "../../../etc/passwd"}
    document["layers"][0]["annotations"] = {"org.opencontainers.image.title": "/etc/shadow"}
    image = Image(json.dumps(document).encode(), image.config, image.layers)
    hands.registry.offer(image, "v1")
    hands.succeeds(image)
