"""Documents of whole images that are odd where nobody looks at a pull: histories, annotated descriptors."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive_files import blob_entry, index_json, layer_tar, tar_of
from faults.hands import build
from faults.image_work import archived, described
from shale import Engine
from shale.errors import Invalid
from shale.oci import mediatype
from store_images import Image

TAR = layer_tar({"f": b"x"})
HISTORIES: dict[str, Any] = {
    "none": None,
    "empty": [],
    "shorter than the layers": [{"created_by": "one"}],
    "longer than the layers": [{"created_by": str(at)} for at in range(9)],
    "only of empty steps": [{"empty_layer": True}] * 3,
    "of steps that say nothing": [{}, {}],
    "of nulls": [{"created": None, "created_by": None, "empty_layer": None, "comment": None, "author": None}],
    "from before all time": [{"created": "0001-01-01T00:00:00Z"}, {"created": "9999-12-31T23:59:59Z"}],
}  # fmt: skip
NO_DIGESTS = (
    "sha256:../../x",
    "sha256:",
    "",
    ":",
    "sha256:zz",
    "md5:" + "0" * 32,
    "a" * 10_000,
    "SHA256:" + "0" * 64,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        yield engine


def load(engine: Engine, image: Image) -> str:
    (loaded,) = engine.images.load(io.BytesIO(archived(image)))
    return str(loaded.target)


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_that_tells_nothing_is_shown_as_it_is(engine: Engine, name: str) -> None:
    """CVE-2024-36620: an engine ended when it was asked for the history of such an image."""
    image = load(engine, build([TAR, TAR], [TAR, TAR], history=HISTORIES[name]))
    steps = engine.images.history(image)
    assert sum(step.size for step in steps) <= 2
    assert len(steps) >= len(HISTORIES[name] or ())
    assert engine.images.inspect(image)["RootFS"]["Layers"]
    with engine.images.mount(image) as place:
        assert (place / "f").read_bytes() == b"x"


@pytest.mark.parametrize("digest", NO_DIGESTS)
def test_a_descriptor_with_annotations_and_no_digest(engine: Engine, digest: str) -> None:
    """CVE-2026-95839: what is annotated was looked at before its digest was."""
    bad = {"mediaType": mediatype.OCI_MANIFEST, "digest": digest, "size": 7,
           "annotations": {"org.opencontainers.image.ref.name": "v1", "io.containerd.image.name": "a:b"},
           "urls": ["file:///etc/passwd"]}  # fmt: skip
    good = build([TAR], [TAR])
    document = json.loads(good.manifest)
    for changed in ({"layers": [bad]}, {"config": bad}, {"subject": bad}):
        manifest = json.dumps({**document, **changed}).encode()
        with pytest.raises(Invalid):
            load(engine, Image(manifest, good.config, good.layers))
    nested = json.dumps({"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [bad]}).encode()
    above = [blob_entry(nested), ("index.json", index_json(described(mediatype.OCI_INDEX, nested)))]
    for entries in ([("index.json", index_json(bad))], above):
        with pytest.raises(Invalid):
            engine.images.load(
                io.BytesIO(tar_of([*entries, ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]))
            )
    assert engine.images.list() == []
