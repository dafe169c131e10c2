from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from shale.errors import Cancelled
from shale.oci.digest import Digest
from shale.store.actions import Deed
from shale.store.check import ABANDONED, check
from shale.store.collect import GRACE
from shale.store.database import DatabaseDamaged
from shale.store.findings import CheckProgress, CheckReport, Damage, Leftover
from shale.store.ingests import ingest_key
from shale.store.repair import repair
from shale.store.store import Store, open_store
from store_images import Registry, keep_image, keep_index, make_image, make_index, noise, put

IMAGE = make_image("one")
LAYER = Digest.of(IMAGE.layers[1])


def blob(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest.algorithm / digest.encoded


def spoil(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)


def kinds(report: CheckReport) -> list[object]:
    return [one.kind for one in (*report.damage, *report.leftovers)]


def sql(store: Store, statement: str, *parameters: object) -> None:
    with store.database.write() as tx:
        tx.run(statement, parameters)


@pytest.fixture
def kept(store: Store) -> Store:
    keep_image(store, IMAGE, "docker.io/library/one:latest")
    return store


def test_a_sound_store_has_no_findings(kept: Store) -> None:
    keep_index(kept, make_index(IMAGE.manifest, make_image("another platform").manifest))
    keep_image(kept, make_image("signature", subject=IMAGE.manifest))
    report = check(kept)
    assert report == CheckReport((), (), report.blobs, report.bytes_read)
    assert report.is_sound
    assert report.blobs == 9
    assert report.bytes_read == sum(path.stat().st_size for path in (kept.root / "blobs/sha256").iterdir())


def test_an_empty_store_is_sound(store: Store) -> None:
    assert check(store) == CheckReport()


def test_a_missing_blob(kept: Store, root: Path) -> None:
    blob(root, LAYER).unlink()
    (finding,) = check(kept).damage
    assert (finding.kind, finding.digest, finding.size) == (Damage.MISSING_BLOB, LAYER, 70_000)
    assert finding.text == f"{LAYER}: a blob that an image needs has no file"


def test_a_row_without_file_that_nothing_needs_is_a_leftover(store: Store, root: Path) -> None:
    digest = put(store, b"unneeded")
    with store.database.write() as tx:
        store.content.record_blobs(tx, [(digest, 8)])
    blob(root, digest).unlink()
    assert kinds(check(store)) == [Leftover.ROW_WITHOUT_FILE]


@pytest.mark.parametrize("read_data", [True, False])
def test_a_wrong_size(kept: Store, root: Path, read_data: bool) -> None:
    spoil(blob(root, LAYER), b"short")
    (finding,) = check(kept, read_data=read_data).damage
    assert finding.kind is Damage.WRONG_SIZE
    assert "5 bytes instead of 70000" in finding.text


def test_wrong_bytes_are_found_by_reading_only(kept: Store, root: Path) -> None:
    spoil(blob(root, LAYER), bytes(70_000))
    assert check(kept, read_data=False).is_sound
    assert kinds(check(kept)) == [Damage.WRONG_BYTES]


def test_wrong_bytes_of_a_config_are_one_finding(kept: Store, root: Path) -> None:
    config = Digest.of(IMAGE.config)
    spoil(blob(root, config), b"x" * len(IMAGE.config))
    (finding,) = check(kept).damage
    assert (finding.kind, finding.digest) == (Damage.WRONG_BYTES, config)


def test_a_recorded_manifest_that_is_none(store: Store) -> None:
    digest = put(store, b'{"schemaVersion": 2}')
    sql(store, "INSERT INTO blobs VALUES (?, 20, 0)", str(digest))
    sql(store, "INSERT INTO manifests (digest, media_type) VALUES (?, '')", str(digest))
    assert kinds(check(store)) == [Damage.UNREADABLE_MANIFEST]


def test_a_missing_child(kept: Store, root: Path) -> None:
    blob(root, LAYER).unlink()
    sql(kept, "DELETE FROM blobs WHERE digest = ?", str(LAYER))
    report = check(kept)
    assert kinds(report) == [Damage.MISSING_CHILD, Leftover.STALE_ROW]
    assert (report.damage[0].digest, report.damage[0].size) == (LAYER, 70_000)


def test_an_index_needs_one_of_its_platforms(store: Store) -> None:
    other = make_image("other")
    keep_index(store, make_index(IMAGE.manifest, other.manifest))
    assert kinds(check(store)) == [Damage.MISSING_CHILD, Damage.MISSING_CHILD]
    keep_image(store, other)
    assert check(store).is_sound


def test_children_of_what_nobody_wants_may_be_missing(kept: Store, root: Path) -> None:
    sql(kept, "DELETE FROM names")
    sql(kept, "DELETE FROM roots")
    blob(root, LAYER).unlink()
    sql(kept, "DELETE FROM blobs WHERE digest = ?", str(LAYER))
    assert check(kept).is_sound


def test_a_name_and_a_root_that_point_nowhere(store: Store) -> None:
    nowhere, root = Digest.of(b"nowhere"), Digest.of(b"root")
    sql(store, "INSERT INTO names VALUES ('docker.io/library/lost:1', ?, 0)", str(nowhere))
    sql(store, "INSERT INTO roots VALUES (?, 0)", str(root))
    report = check(store)
    assert kinds(report) == [Damage.DANGLING_NAME, Damage.DANGLING_ROOT]
    assert [one.subject for one in report.damage] == ["docker.io/library/lost:1", str(root)]


def test_layer_facts_missing_or_contradicting(kept: Store) -> None:
    sql(kept, "UPDATE layers SET diff_id = ? WHERE digest = ?", str(Digest.of(b"")), str(LAYER))
    sql(kept, "DELETE FROM layers WHERE digest != ?", str(LAYER))
    sql(kept, "UPDATE manifests SET content_size = ?", 70_000 - 512)
    assert kinds(check(kept)) == [Damage.LAYER_FACTS, Damage.LAYER_FACTS]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE edges SET child = parent WHERE position = 1",
        "DELETE FROM edges WHERE position = 2",
        "UPDATE manifests SET image_id = NULL",
        "UPDATE manifests SET content_size = 1",
        "UPDATE manifests SET media_type = 'x'",
        "UPDATE manifests SET labels = '{}'",
    ],
)
def test_rows_that_are_not_what_the_document_says(kept: Store, statement: str) -> None:
    sql(kept, statement)
    assert Damage.GRAPH in kinds(check(kept))


def test_leftovers(kept: Store, root: Path) -> None:
    old = time.time() - GRACE - 60
    digest = put(kept, b"a blob that was never recorded")
    assert kinds(check(kept)) == []  # it is young: its writer may be about to record it
    os.utime(blob(root, digest), (old, old))
    with kept.ingests.open(ingest_key(Digest.of(b"never came"))) as ingest:
        ingest.write(b"some")
    data = root / "ingest" / ingest_key(Digest.of(b"never came")) / "data"
    assert kinds(check(kept)) == [Leftover.UNRECORDED_FILE]
    os.utime(data, (old - ABANDONED, old - ABANDONED))
    sql(kept, "INSERT INTO leases VALUES ('gone', 'another boot', 1, 1, 1, 9e9, 'pull x')")
    report = check(kept)
    assert report.is_sound
    assert kinds(report) == [Leftover.UNRECORDED_FILE, Leftover.DEAD_LEASE, Leftover.ABANDONED_INGEST]
    assert "4 bytes" in report.leftovers[2].text


def test_what_a_lease_names_and_a_living_lease_are_no_leftovers(store: Store, root: Path) -> None:
    digest = put(store, b"about to be recorded")
    os.utime(blob(root, digest), (0, 0))
    with store.leases.hold("pull") as lease:
        lease.protect([digest])
        assert check(store) == CheckReport()
    assert kinds(check(store)) == [Leftover.UNRECORDED_FILE]


def break_index(root: Path) -> None:
    """Add rows while SQLite does not know of an index, so that they are missing from it."""
    with closing(sqlite3.connect(root / "shale.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=1")
        row = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'names_by_digest'").fetchone()
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'names_by_digest'")
    with closing(sqlite3.connect(root / "shale.db", isolation_level=None)) as connection:
        connection.execute("INSERT INTO names VALUES ('docker.io/library/two:1', ?, 0)", (str(IMAGE.digest),))
        connection.execute("PRAGMA writable_schema=1")
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)


def test_a_wrong_index_is_found_and_made_anew(root: Path) -> None:
    with open_store(root) as store:
        keep_image(store, IMAGE, "docker.io/library/one:latest")
    break_index(root)
    with open_store(root) as store:
        report = check(store)
        assert {one.kind for one in report.damage} == {Damage.DATABASE}
        registry = Registry(store)
        assert [one.deed for one in repair(store, report, registry.fetch, registry.measure)] == [Deed.REBUILT]
        assert check(store).is_sound
        assert len(store.names.of(IMAGE.digest)) == 2


def test_pages_that_sqlite_cannot_read_are_a_finding_and_no_repair_in_place(root: Path) -> None:
    with open_store(root) as store:
        keep_image(store, IMAGE, "docker.io/library/one:latest")
    path = root / "shale.db"
    path.write_bytes(path.read_bytes()[:4096] + bytes(path.stat().st_size - 4096))
    with open_store(root) as store:
        report = check(store)
        assert {one.kind for one in report.damage} == {Damage.DATABASE}
        registry = Registry(store)
        with pytest.raises(DatabaseDamaged):
            repair(store, report, registry.fetch, registry.measure)


def test_progress_reaches_the_total_and_may_stop_the_check(kept: Store) -> None:
    seen: list[CheckProgress] = []
    check(kept, progress=seen.append)
    assert seen[-1].blobs == seen[-1].blobs_total == 4
    assert seen[-1].bytes == seen[-1].bytes_total

    def stop(_: CheckProgress) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        check(kept, progress=stop)


LARGE = make_image("many layers", layers=tuple(noise(str(number), 100) for number in range(60)))


def test_what_is_pruned_while_it_is_looked_at_is_no_damage(store: Store) -> None:
    digest = keep_image(store, LARGE)
    calls: list[CheckProgress] = []

    def prune(progress: CheckProgress) -> None:
        calls.append(progress)
        if len(calls) == 1:
            with store.database.write() as tx:
                store.names.forget(tx, digest)
            with store.database.write() as tx:
                store.collector.collect(tx)

    report = check(store, progress=prune)
    assert report == CheckReport((), (), 62, report.bytes_read)
    assert list(store.blobs) == []


def test_what_is_brought_again_while_it_is_looked_at_is_no_damage(store: Store, root: Path) -> None:
    keep_image(store, LARGE)
    for content in LARGE.layers:
        spoil(blob(root, Digest.of(content)), bytes(100))

    def pull_again(progress: CheckProgress) -> None:
        if progress.blobs == 1:
            for content in LARGE.layers:
                blob(root, Digest.of(content)).unlink()
                put(store, content)

    report = check(store, progress=pull_again)
    assert len(report.damage) <= 1  # the first may have been reported before the right bytes came
    assert check(store).is_sound


def test_a_check_beside_pulls_and_prunes_finds_nothing(kept: Store) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def churn() -> None:
        try:
            for number in range(10_000):
                if stop.is_set():
                    return
                digest = keep_image(kept, make_image(f"churn {number % 3}"))
                with kept.database.write() as tx:
                    kept.names.forget(tx, digest)
                with kept.database.write() as tx:
                    kept.collector.collect(tx)
        except BaseException as error:  # noqa: BLE001 - handed to the test below
            errors.append(error)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        reports = [check(kept) for _ in range(25)]
    finally:
        stop.set()
        thread.join()
    assert errors == []
    assert [one for report in reports for one in report.damage] == []
