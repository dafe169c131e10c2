from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from shale.errors import Corrupt, NotFound
from shale.oci.digest import Digest
from shale.oci.manifest import parse_manifest
from shale.registry.server import links
from shale.registry.server.folder import FolderInUse, FolderStorage
from shale.registry.server.storage import (
    BlobUnknown,
    ManifestUnknown,
    NewManifest,
    TooManyUploads,
    UploadBusy,
    UploadUnknown,
)
from shale.store.blobs import BlobDamaged
from shale.store.database import NewerDatabase, Transaction
from shale.store.ingest import DigestMismatch


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[FolderStorage]:
    storage = FolderStorage(tmp_path / "data")
    yield storage
    storage.close()


def push(storage: FolderStorage, repository: str, content: bytes) -> Digest:
    upload = storage.start_upload(repository)
    upload.write([content])
    upload.commit(Digest.of(content))
    upload.release()
    return Digest.of(content)


def read(storage: FolderStorage, repository: str, digest: Digest) -> bytes:
    blob = storage.open_blob(repository, digest)
    with blob.file as file:
        return file.read()


def put(storage: FolderStorage, repository: str, tag: str | None, text: str = "") -> NewManifest:
    config = push(storage, repository, b"{}")
    kind = "application/vnd.oci.image.config.v1+json"
    raw = (
        f'{{"schemaVersion":2,"config":{{"mediaType":"{kind}","digest":"{config}","size":2}},"layers":[],'
        f'"annotations":{{"text":"{text}"}}}}'
    ).encode()
    manifest = NewManifest(Digest.of(raw), raw, parse_manifest(raw))
    storage.put_manifest(repository, tag, manifest)
    return manifest


def test_a_blob_belongs_to_the_repositories_that_have_it(storage: FolderStorage) -> None:
    digest = push(storage, "one", b"content")
    assert read(storage, "one", digest) == b"content"
    with pytest.raises(BlobUnknown):
        storage.open_blob("two", digest)
    with pytest.raises(BlobUnknown, match="not in repository three"):
        storage.mount_blob("two", digest, "three")
    storage.mount_blob("two", digest, "one")
    storage.delete_blob("one", digest)
    assert read(storage, "two", digest) == b"content"
    with pytest.raises(BlobUnknown):
        storage.mount_blob("three", digest, "one")


def test_a_lost_file_is_not_there_and_a_push_heals_it(storage: FolderStorage, tmp_path: Path) -> None:
    digest = push(storage, "one", b"content")
    (tmp_path / "data" / "blobs" / "sha256" / digest.encoded).unlink()
    with pytest.raises(NotFound):
        storage.open_blob("one", digest)
    with pytest.raises(BlobUnknown):
        storage.mount_blob("two", digest, "one")
    push(storage, "one", b"content")
    assert read(storage, "one", digest) == b"content"


def test_a_damaged_manifest_is_never_served(storage: FolderStorage, tmp_path: Path) -> None:
    manifest = put(storage, "one", "latest")
    path = tmp_path / "data" / "blobs" / "sha256" / manifest.digest.encoded
    path.chmod(0o600)
    path.write_bytes(manifest.raw.replace(b"2", b"3", 1))
    with pytest.raises(BlobDamaged):
        storage.read_manifest("one", "latest")


def test_an_upload_is_held_by_one(storage: FolderStorage) -> None:
    upload = storage.start_upload("one")
    upload.write([b"con"])
    with pytest.raises(UploadBusy):
        storage.resume_upload("one", upload.id)
    upload.release()
    with pytest.raises(UploadUnknown):
        storage.resume_upload("two", upload.id)
    again = storage.resume_upload("one", upload.id)
    assert again.offset == 3
    again.write([b"te", b"nt"])
    again.commit(Digest.of(b"content"))
    again.release()
    with pytest.raises(UploadUnknown):
        storage.resume_upload("one", upload.id)


def test_an_upload_goes_on_in_another_process(storage: FolderStorage, tmp_path: Path) -> None:
    upload = storage.start_upload("one")
    upload.write([b"content"])
    other = FolderStorage(tmp_path / "data")
    with pytest.raises(UploadBusy):
        other.resume_upload("one", upload.id)
    upload.release()
    storage.close()
    taken = other.resume_upload("one", upload.id)
    assert taken.offset == 7
    sha512 = Digest("sha512", hashlib.sha512(b"content").hexdigest())
    taken.commit(sha512)
    taken.release()
    assert read(other, "one", sha512) == b"content"
    other.close()


def test_wrong_bytes_end_an_upload(storage: FolderStorage, tmp_path: Path) -> None:
    upload = storage.start_upload("one")
    upload.write([b"content"])
    with pytest.raises(DigestMismatch):
        upload.commit(Digest.of(b"other"))
    upload.release()
    with pytest.raises(UploadUnknown):
        storage.resume_upload("one", upload.id)
    assert list((tmp_path / "data" / "ingest").iterdir()) == []


def test_uploads_expire_in_memory_and_on_disk(storage: FolderStorage, tmp_path: Path) -> None:
    idle, held, empty = (storage.start_upload("one") for _ in range(3))
    idle.write([b"x"])
    held.write([b"x"])
    idle.release()
    empty.release()
    assert storage.expire_uploads(older_than=0) == 0
    assert storage.expire_uploads(older_than=2e10) == 2
    for gone in (idle, empty):
        with pytest.raises(UploadUnknown):
            storage.resume_upload("one", gone.id)
    held.release()
    storage.close()
    with_disk = FolderStorage(tmp_path / "data")
    assert with_disk.expire_uploads(older_than=2e10) == 1
    assert list((tmp_path / "data" / "ingest").iterdir()) == []
    with_disk.close()


def test_a_bound_on_uploads(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path, most_uploads=2)
    first = storage.start_upload("one")
    storage.start_upload("one")
    with pytest.raises(TooManyUploads):
        storage.start_upload("one")
    first.cancel()
    first.release()
    storage.start_upload("one")
    storage.close()


def test_a_tag_moves_and_its_manifest_takes_it_along(storage: FolderStorage) -> None:
    first, second = put(storage, "one", "latest", "a"), put(storage, "one", "latest", "b")
    assert storage.read_manifest("one", "latest").digest == second.digest
    storage.put_manifest("one", "old", first)
    storage.put_manifest("one", None, first)
    assert storage.list_tags("one", "", 10).entries == ("latest", "old")
    storage.delete_manifest("one", first.digest)
    assert storage.list_tags("one", "", 10).entries == ("latest",)
    with pytest.raises(ManifestUnknown):
        storage.delete_manifest("one", "old")


class Recorder(Transaction):
    """A transaction that remembers its last question."""

    sql = ""
    values: tuple[object, ...] = ()

    def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        self.sql, self.values = sql, tuple(parameters)
        return super().rows(sql, parameters)


def test_a_hundred_thousand_tags_are_read_by_the_index(storage: FolderStorage, tmp_path: Path) -> None:
    manifest = put(storage, "one", None)
    with sqlite3.connect(tmp_path / "data" / "registry.db") as database:
        rows = ((f"V{number:06}" if number % 2 else f"v{number:06}",) for number in range(100_000))
        database.executemany(f"INSERT INTO tags VALUES (1, ?, '{manifest.digest}')", rows)
        recorder = Recorder(database)
        links.page_of_tags(recorder, "one", "v", 10)
        plan = " ".join(
            row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {recorder.sql}", recorder.values)
        )
    database.close()
    assert "tags_in_order" in plan
    assert "TEMP B-TREE" not in plan
    page = storage.list_tags("one", "v099996", 10)
    assert (page.entries, page.last) == (("V099997", "v099998", "V099999"), None)
    assert storage.list_tags("one", "", 2).last == "V000001"


def test_a_store_of_shale_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shale.db").touch()
    with pytest.raises(FolderInUse, match="choose another"):
        FolderStorage(tmp_path)


def test_a_database_of_the_future_is_refused(tmp_path: Path) -> None:
    FolderStorage(tmp_path).close()
    database = sqlite3.connect(tmp_path / "registry.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(NewerDatabase):
        FolderStorage(tmp_path)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"something else" * 1000)
    with pytest.raises(Corrupt, match=r"registry\.db") as raised:
        FolderStorage(tmp_path)
    assert "--data" in raised.value.message
    assert "store check" not in raised.value.message, "that is for the store of images"
