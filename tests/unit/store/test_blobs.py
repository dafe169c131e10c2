from __future__ import annotations

import os
from pathlib import Path

import pytest

from shale.errors import Invalid
from shale.oci.digest import Digest
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.store import Store, open_store
from store_images import noise, put

CONTENT = noise("content", 100_000)
DIGEST = Digest.of(CONTENT)


def path(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest.algorithm / digest.encoded


def spoil(root: Path) -> None:
    path(root, DIGEST).chmod(0o600)
    path(root, DIGEST).write_bytes(bytes(100_000))


def test_what_was_committed_is_there_read_only(store: Store, root: Path) -> None:
    assert put(store, CONTENT) == DIGEST
    assert path(root, DIGEST).stat().st_mode & 0o777 == 0o444
    assert store.blobs.size(DIGEST) == 100_000
    assert store.blobs.holds(DIGEST)
    assert store.blobs.holds(DIGEST, 100_000)
    assert not store.blobs.holds(DIGEST, 1)
    with store.blobs.open(DIGEST) as blob:
        assert blob.read(10) == CONTENT[:10]
    assert store.blobs.read(DIGEST, 100_000) == CONTENT
    assert store.blobs.verify(DIGEST) == store.blobs.adopt(DIGEST) == 100_000
    assert list(store.blobs) == [DIGEST]


def test_sha512_lies_in_its_own_folder(store: Store, root: Path) -> None:
    with store.ingests.open("key", algorithm="sha512") as ingest:
        ingest.write(CONTENT)
        digest = ingest.commit()
    assert digest.algorithm == "sha512"
    assert os.listdir(root / "blobs/sha512") == [digest.encoded]
    assert store.blobs.verify(digest) == 100_000


def test_what_is_not_there(store: Store) -> None:
    for ask in (store.blobs.size, store.blobs.open, store.blobs.verify, store.blobs.adopt):
        with pytest.raises(BlobNotFound, match="pull the image again"):
            ask(DIGEST)
    assert not store.blobs.holds(DIGEST)
    assert store.blobs.status(DIGEST) is None
    store.blobs.remove(DIGEST)
    store.blobs.drop_aside(DIGEST)


def test_changed_bytes_are_never_handed_out_whole(store: Store, root: Path) -> None:
    put(store, CONTENT)
    spoil(root)
    with pytest.raises(BlobDamaged, match="shale store check --repair"):
        store.blobs.read(DIGEST, 100_000)
    with pytest.raises(BlobDamaged):
        store.blobs.verify(DIGEST)
    with pytest.raises(BlobDamaged):
        store.blobs.adopt(DIGEST)


def test_documents_have_a_limit(store: Store) -> None:
    put(store, CONTENT)
    with pytest.raises(Invalid, match="100000 bytes"):
        store.blobs.read(DIGEST, 99_999)


def test_setting_aside(store: Store, root: Path) -> None:
    put(store, CONTENT)
    spoil(root)
    store.blobs.set_aside(DIGEST)
    assert not store.blobs.holds(DIGEST)
    assert (root / "damaged" / f"sha256-{DIGEST.encoded}").stat().st_size == 100_000
    store.blobs.drop_aside(DIGEST)
    assert os.listdir(root / "damaged") == []


def test_other_files_and_links_are_not_blobs(store: Store, root: Path) -> None:
    (root / "blobs/sha256/README").touch()
    (root / "blobs/sha256" / DIGEST.encoded).symlink_to("/etc/passwd")
    assert list(store.blobs) == [DIGEST]
    with pytest.raises(OSError, match="symbolic links"):
        store.blobs.open(DIGEST)


def test_the_store_is_private_and_opens_again(root: Path) -> None:
    with open_store(root / "a" / "b") as store:
        put(store, CONTENT)
    with open_store(root / "a" / "b") as store:
        assert store.blobs.holds(DIGEST)
    assert (root / "a" / "b").stat().st_mode & 0o777 == 0o700
