from __future__ import annotations

from pathlib import Path

import pytest

from shale.oci.config import parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.manifest import Index, Manifest, parse_manifest
from shale.store.blobs import BlobNotFound
from shale.store.content import ManifestNotFound, Source
from shale.store.store import Store
from store_images import keep_image, keep_index, make_image, make_index

IMAGE = make_image("one")
LAYER = Digest.of(IMAGE.layers[0])


def test_a_recorded_image_is_read_back_from_its_blob(store: Store) -> None:
    keep_image(store, IMAGE)
    document = store.content.manifest(IMAGE.digest)
    assert isinstance(document, Manifest)
    assert document == parse_manifest(IMAGE.manifest)
    assert store.content.is_complete(document)
    assert store.content.has_manifest(IMAGE.digest)
    records = store.content.layers(document.layers)
    assert [records[one.digest].tar_size for one in document.layers] == [3000, 70_000]
    assert store.content.layers([]) == {}
    with store.database.read() as tx:
        row = tx.row("SELECT image_id, platform, created, content_size, labels FROM manifests")
    assert row == (
        str(Digest.of(IMAGE.config)), "linux/amd64", "2024-05-01T00:00:00Z", 73_000 - 1024, '{"seed": "one"}',
    )  # fmt: skip


def test_more_layers_than_sqlite_takes_parameters(store: Store) -> None:
    keep_image(store, IMAGE)
    layer = Descriptor(media_type="x", digest=LAYER, size=3000)
    assert set(store.content.layers([layer] * 40_000)) == {LAYER}


def test_rows_by_hand_and_rows_from_the_blobs_are_the_same(store: Store) -> None:
    keep_image(store, IMAGE)
    with store.database.write() as tx:
        before = tx.rows("SELECT * FROM manifests"), tx.rows("SELECT * FROM edges")
        document = parse_manifest(IMAGE.manifest)
        store.content.record_manifest(tx, IMAGE.digest, document, parse_config(IMAGE.config))
        assert (tx.rows("SELECT * FROM manifests"), tx.rows("SELECT * FROM edges")) == before


def test_an_index_is_recorded_with_its_children(store: Store) -> None:
    digest = keep_index(store, make_index(IMAGE.manifest))
    assert isinstance(store.content.manifest(digest), Index)
    with store.database.read() as tx:
        assert tx.rows("SELECT child FROM edges") == [(str(IMAGE.digest),)]


def test_a_row_is_believed_only_with_its_file(store: Store, root: Path) -> None:
    keep_image(store, IMAGE)
    assert store.content.holds(LAYER)
    assert store.content.holds(LAYER, 3000)
    assert not store.content.holds(LAYER, 1)
    path = root / "blobs/sha256" / LAYER.encoded
    path.chmod(0o600)
    path.write_bytes(b"short")
    assert not store.content.holds(LAYER)
    path.unlink()
    assert not store.content.holds(LAYER)
    document = store.content.manifest(IMAGE.digest)
    assert isinstance(document, Manifest)
    assert not store.content.is_complete(document)


def test_what_is_not_here(store: Store, root: Path) -> None:
    with pytest.raises(ManifestNotFound, match="pull the image again"):
        store.content.manifest(IMAGE.digest)
    assert not store.content.has_manifest(IMAGE.digest)
    unknown = Descriptor(media_type="x", digest=LAYER, size=1)
    assert store.content.layers([unknown]) == {}
    keep_image(store, IMAGE)
    (root / "blobs/sha256" / IMAGE.digest.encoded).unlink()
    with pytest.raises(BlobNotFound):
        store.content.manifest(IMAGE.digest)
    assert not store.content.has_manifest(IMAGE.digest)


def test_sources_the_latest_first(store: Store) -> None:
    old, new = Source("a.example", "x"), Source("b.example", "y")
    for source in (old, new, old):
        with store.database.write() as tx:
            store.content.record_source(tx, source, [LAYER])
    assert store.content.sources(LAYER) == [old, new]
    assert store.content.sources(IMAGE.digest) == []
