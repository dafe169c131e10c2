"""Mountable layers in check, repair, collecting and rebuilding; of a store that makes none itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from image_factory import build_image, keep
from shale.errors import Corrupt, NotFound, Unsupported
from shale.linux.boot import boot_id
from shale.oci.digest import ChainID, DiffID
from shale.store.actions import Deed
from shale.store.check import check
from shale.store.findings import CheckReport, Damage, Leftover
from shale.store.rebuild import rebuild_database
from shale.store.repair import repair
from shale.store.store import Store, open_store
from shale.store.unpacked import Correction, UnpackedLayer
from store_images import Registry

IMAGE = build_image(layers=({"a": b"1"}, {"b": b"2"}))
ONE, TWO = (DiffID.of(tar) for tar in IMAGE.layers)


def row(diff_id: DiffID, **changes: object) -> UnpackedLayer:
    fields = {"size": 5, "entries": 1, "loose": False, "boot": boot_id(), "written": 1.0, "synced": False}
    return UnpackedLayer(diff_id, "tree", **{**fields, **changes})  # type: ignore[arg-type]


def unpack(store: Store, layer: UnpackedLayer) -> None:
    os.mkdir(layer.name, dir_fd=store.layers.folder)
    with store.database.write() as tx:
        store.unpacked.record(tx, layer)


def verify(layer: UnpackedLayer) -> None:
    """Everything is as it should be."""


def collect(store: Store) -> set[DiffID]:
    with store.database.write() as tx:
        return {diff_id for diff_id, _ in store.collector.collect(tx).layers}


def forget(store: Store) -> None:
    with store.database.write() as tx:
        store.names.forget(tx, IMAGE.digest)


def heal(store: Store, report: CheckReport) -> list[Deed]:
    source = Registry(store)
    return [action.deed for action in repair(store, report, source.fetch, source.measure)]


def assert_sound(store: Store) -> None:
    report = check(store, verify_layer=verify)
    assert (report.damage, report.leftovers) == ((), ())


def test_rows_are_found_by_layer_and_form(store: Store) -> None:
    unpack(store, row(ONE))
    assert store.unpacked.find([ONE, TWO], "tree") == {ONE: row(ONE)}
    assert store.unpacked.find([ONE], "erofs") == {}


def test_only_what_was_seen_becomes_durable(store: Store) -> None:
    unpack(store, row(ONE))
    with store.database.write() as tx:
        store.unpacked.set_synced(tx, row(ONE, written=0.5))
    assert not store.unpacked.find([ONE], "tree")[ONE].synced
    with store.database.write() as tx:
        store.unpacked.set_synced(tx, row(ONE))
    assert store.unpacked.find([ONE], "tree")[ONE].synced


def test_layers_live_as_long_as_a_blob_that_unpacks_to_them(store: Store) -> None:
    keep(store, IMAGE)
    unpack(store, row(ONE))
    unpack(store, row(DiffID.of(b"other")))
    assert collect(store) == {DiffID.of(b"other")}
    forget(store)
    assert collect(store) == {ONE}
    assert list(store.layers) == []


def test_a_correction_lives_as_long_as_all_layers_of_its_chain(store: Store) -> None:
    correction = DiffID.of(b"correction")
    keep(store, IMAGE)
    keep(store, build_image(layers=({"a": b"1"},)))
    for diff_id in (ONE, TWO, correction):
        unpack(store, row(diff_id))
    chain = ChainID.of(b"chain")
    with store.database.write() as tx:
        store.unpacked.record_correction(tx, Correction(chain, correction), [ONE, TWO])
    assert collect(store) == set()
    assert store.unpacked.correction(chain) == Correction(chain, correction)
    forget(store)
    assert collect(store) == {TWO, correction}
    assert store.unpacked.correction(chain) is None


def test_a_rehearsal_tells_of_layers_and_leaves_them(store: Store) -> None:
    unpack(store, row(ONE))
    with store.database.write() as tx:
        assert store.collector.collect(tx, files=False).layers == ((ONE, 5),)
    assert len(list(store.layers)) == 1


def test_mounts_of_another_boot_hold_nothing(store: Store) -> None:
    keep(store, IMAGE)
    forget(store)
    with store.database.write() as tx:
        tx.run("INSERT INTO mounts VALUES ('/here', ?, ?, 1)", (str(IMAGE.digest), boot_id()))
    collect(store)
    assert store.blobs.holds(IMAGE.digest)
    with store.database.write() as tx:
        tx.run("UPDATE mounts SET boot = 'earlier'")
    collect(store)
    assert not store.blobs.holds(IMAGE.digest)
    with store.database.read() as tx:
        assert tx.rows("SELECT * FROM mounts") == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Corrupt("other bytes"), Damage.MOUNTABLE_LAYER),
        (NotFound("gone"), Leftover.STALE_LAYER),
        (Unsupported("no such form here"), None),
    ],
)
def test_a_check_reads_them_and_a_repair_takes_them_away(
    store: Store, error: Exception, kind: Damage | Leftover | None
) -> None:
    def fails(_: UnpackedLayer) -> None:
        raise error

    keep(store, IMAGE)
    unpack(store, row(ONE))
    assert check(store, read_data=False, verify_layer=fails).is_sound
    report = check(store, verify_layer=fails)
    assert report.layers == 1
    assert [one.kind for one in (*report.damage, *report.leftovers)] == ([kind] if kind else [])
    if kind is not None:
        assert heal(store, report) == [Deed.REMOVED]
        assert list(store.layers) == []
        assert_sound(store)


def test_what_was_made_again_while_it_was_looked_at_is_no_damage(store: Store) -> None:
    def made_again(layer: UnpackedLayer) -> None:
        with store.database.write() as tx:
            store.unpacked.record(tx, row(layer.diff_id, written=2.0))
        raise Corrupt("other bytes")

    keep(store, IMAGE)
    unpack(store, row(ONE))
    assert check(store, verify_layer=made_again).is_sound


def test_leftovers_are_told_and_removed(store: Store, root: Path) -> None:
    keep(store, IMAGE)
    with store.database.write() as tx:
        store.unpacked.record(tx, row(ONE))  # without files
    unpack(store, row(TWO, boot="earlier"))
    for name in ("sha256-00.tree", ".gone-1", ".new-2"):
        (root / "layers" / name).mkdir()
    report = check(store, verify_layer=verify)
    assert report.is_sound
    assert sorted(one.kind.name for one in report.leftovers) == [
        "STALE_LAYER", "STALE_LAYER", "UNFINISHED_LAYER", "UNFINISHED_LAYER", "UNRECORDED_LAYER",
    ]  # fmt: skip
    assert heal(store, report) == [Deed.REMOVED] * 5
    assert os.listdir(root / "layers") == []
    assert_sound(store)


def test_a_new_database_takes_over_what_the_old_one_knew(root: Path) -> None:
    with open_store(root) as store:
        keep(store, IMAGE)
        unpack(store, row(ONE))
        with store.database.write() as tx:
            tx.run("INSERT INTO mounts VALUES ('/here', ?, ?, 1)", (str(IMAGE.digest), boot_id()))
            tx.run("PRAGMA user_version=1")
    database = root / "shale.db"
    database.rename(root / "shale.db.rebuilding")
    rebuild_database(root)
    with open_store(root) as store:
        assert store.unpacked.find([ONE], "tree") == {ONE: row(ONE)}
        with store.database.read() as tx:
            assert tx.rows("SELECT place FROM mounts") == [("/here",)]
        assert_sound(store)
