"""DF-1 to DF-4 for the store's own operations: full disks, failing calls, changed bytes, clocks that jump."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from faults import store_work
from faults.disk import HARMS, fill, overwrite, small_disk
from faults.killer import fail_at_each_call, run_limited
from shale.linux.durable import DiskFull
from shale.oci.digest import Digest
from shale.store.check import check
from shale.store.database import DatabaseDamaged
from shale.store.ingests import ingest_key
from shale.store.rebuild import rebuild_database
from shale.store.repair import repair
from shale.store.store import Store, open_store
from store_images import Registry, keep_image, make_image, noise, put

MIB = 1 << 20


def test_a_disk_that_fills_while_bytes_come(tmp_path: Path) -> None:
    content = noise("large", 3 * MIB)
    with small_disk(tmp_path / "disk", size=2 * MIB) as disk, open_store(disk / "root") as store:
        with pytest.raises(DiskFull, match=r"writing \d+ bytes of ingest sha256-.*free some space"):
            put(store, content)
        key = ingest_key(Digest.of(content))
        kept = store.ingests.bytes_kept(key)
        assert MIB < kept < 2 * MIB  # what came stays, for the next try
        with store.ingests.open(key) as ingest:
            assert ingest.resume() == kept
            ingest.discard()
        assert check(store).damage == ()
        put(store, noise("small", MIB))  # the room is there again


def _grow(store: Store) -> None:
    """Commit until the log has to grow."""
    for number in range(10_000):
        with store.database.write() as tx:
            tx.run("INSERT INTO sources VALUES (?, 'r', 'p', 0)", (str(number),))


def test_a_full_disk_at_the_database_and_at_opening(tmp_path: Path) -> None:
    image = make_image("large", layers=(noise("large", 100_000),))
    with small_disk(tmp_path / "disk", size=2 * MIB) as disk:
        with open_store(disk / "root") as store:
            digests = [put(store, content) for content in image.blobs]
            ballast = fill(disk)
            with pytest.raises(DiskFull, match=r"shale\.db.*no space"):
                _grow(store)
            ballast.unlink()
            assert check(store).damage == ()
            keep_image(store, image, "docker.io/library/large:1")
            assert all(store.content.holds(digest) for digest in digests)
        fill(disk)
        with pytest.raises(DiskFull, match="space"), open_store(disk / "other"):
            pass


def test_a_prune_gets_a_full_disk_going_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size=80 * MIB) as disk:
        with open_store(disk / "root") as store:
            unwanted = put(store, noise("unwanted", 3 * MIB))
            with store.database.write() as tx:
                store.content.record_blobs(tx, [(unwanted, 3 * MIB)])
        fill(disk)
        assert os.statvfs(disk).f_bavail == 0
        with open_store(disk / "root") as store, store.database.write() as tx:
            assert store.collector.collect(tx).size == 3 * MIB
        assert os.statvfs(disk).f_bavail > 0
        with open_store(disk / "root") as store:
            assert check(store).is_sound


def test_no_file_may_grow_beyond_a_limit(tmp_path: Path) -> None:
    casualty = run_limited(
        "faults.store_work:bring_large", tmp_path, limit=200_000, prepare="faults.store_work:prepare"
    )
    assert casualty.error.startswith("DiskFull")
    with open_store(casualty.root) as store:
        assert check(store).damage == ()
    store_work.bring(casualty.root, lambda _: None)


@pytest.mark.parametrize(
    ("names", "error", "kind"),
    [
        (["write"], errno.ENOSPC, "DiskFull"),
        (["open", "mkdir"], errno.ENOSPC, "DiskFull"),
        (["rename"], errno.EDQUOT, "DiskFull"),
        (["open", "mkdir", "rename"], errno.EROFS, "NoPermission"),
        (["open"], errno.EMFILE, "StorageFailure"),
        (["fsync", "fdatasync"], errno.EIO, "StorageFailure"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_every_call_may_fail(tmp_path: Path, names: list[str], error: int, kind: str) -> None:
    casualties = list(fail_at_each_call("faults.store_work:bring", tmp_path, names, error))
    assert casualties[-1].call == casualties[-1].error == ""
    assert sum(bool(one.error) for one in casualties) > 1
    for casualty in casualties[:-1]:
        if not casualty.error:
            # Room is kept back where that is possible, and given up for the database of a full disk; a root
            # that is there already need not be made.
            reserve = "'reserve'" in casualty.call or (kind == "DiskFull" and "/shale.db'" in casualty.call)
            assert reserve or casualty.call.startswith("mkdir"), casualty
            assert len(casualty.said) == 2, casualty
            continue
        assert casualty.error.startswith(kind), casualty.error
        assert any(word in casualty.error for word in ("store", "ingest", "blob")), casualty.error
        store_work.bring(casualty.root, lambda _: None)
        with open_store(casualty.root) as store:
            assert check(store).damage == (), casualty
            assert os.listdir(casualty.root / "ingest") == []


def fail_first_sync(root: Path, say: store_work.Say) -> None:
    """For the test below: whatever comes before the sync that fails is said."""
    content = noise("content", 50_000)
    with open_store(root) as store:
        put(store, content)
    say("done")


def test_bytes_whose_sync_failed_are_never_resumed(tmp_path: Path) -> None:
    key = ingest_key(Digest.of(noise("content", 50_000)))
    first, last = fail_at_each_call(
        "faults.test_disk_store:fail_first_sync", tmp_path, ["fdatasync"], errno.EIO
    )
    assert first.error.startswith("StorageFailure")
    assert last.said == ("done",)
    with open_store(first.root) as store:
        assert store.ingests.bytes_kept(key) == 0


@pytest.mark.parametrize("harm", HARMS)
def test_changed_bytes_are_found_and_healed(tmp_path: Path, harm: str) -> None:
    image = make_image("one")
    with open_store(tmp_path / "root") as store:
        keep_image(store, image, "docker.io/library/one:1")
        registry = Registry(store, *image.blobs)
        for content in image.blobs:
            digest = Digest.of(content)
            overwrite(tmp_path / "root/blobs/sha256" / digest.encoded, HARMS[harm](content))
            (finding,) = check(store).damage
            assert finding.digest == digest
            repair(store, check(store), registry.fetch, registry.measure)
            assert check(store).is_sound
            assert store.blobs.read(digest, MIB) == content


@pytest.mark.parametrize("harm", HARMS)
def test_a_changed_database_is_found_or_sound_and_can_be_made_anew(tmp_path: Path, harm: str) -> None:
    root = tmp_path / "root"
    with open_store(root) as store:
        keep_image(store, make_image("one"), "docker.io/library/one:1")
    path = root / "shale.db"
    path.write_bytes(HARMS[harm](path.read_bytes()))
    try:
        with open_store(root) as store:
            sound = check(store).is_sound
    except DatabaseDamaged:
        sound = False
    if not sound:
        rebuild_database(root)
    with open_store(root) as store:
        registry = Registry(store)
        repair(store, check(store), registry.fetch, registry.measure)
        assert check(store).is_sound
        assert store.content.has_manifest(make_image("one").digest)


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_that_jumps_takes_nothing_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    with open_store(tmp_path / "root") as store, store.leases.hold("pull") as lease:
        image, coming = make_image("one"), Digest.of(b"coming")
        keep_image(store, image, "docker.io/library/one:1")
        lease.protect([coming])
        put(store, b"coming")
        put(store, b"forgotten")
        now = time.time() + years * 365 * 24 * 3600
        monkeypatch.setattr(time, "time", lambda: now)
        with store.database.write() as tx:
            garbage = store.collector.collect(tx)
        assert [digest for digest, _ in garbage.blobs] == [Digest.of(b"forgotten")]
        assert check(store).is_sound
        assert store.blobs.holds(coming)
