from __future__ import annotations

import os
from pathlib import Path

import pytest

from shale.errors import Cancelled
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.actions import Deed, Wanted
from shale.store.check import check
from shale.store.content import Source
from shale.store.findings import CheckReport, Damage
from shale.store.ingests import ingest_key
from shale.store.repair import repair
from shale.store.store import Store
from store_images import Registry, keep_image, keep_index, make_image, make_index, measure, put

IMAGE = make_image("one")
LAYER = Digest.of(IMAGE.layers[1])
SOURCE = Source("registry.example", "team/one")


def blob(root: Path, digest: Digest) -> Path:
    return root / "blobs" / digest.algorithm / digest.encoded


def spoil(path: Path, content: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(content)


def sql(store: Store, statement: str, *parameters: object) -> None:
    with store.database.write() as tx:
        tx.run(statement, parameters)


@pytest.fixture
def kept(store: Store) -> Store:
    keep_image(store, IMAGE, "docker.io/library/one:latest", source=SOURCE)
    return store


def deeds(store: Store, registry: Registry, report: CheckReport | None = None) -> list[Deed]:
    report = check(store) if report is None else report
    return [one.deed for one in repair(store, report, registry.fetch, registry.measure)]


def test_nothing_to_do(kept: Store) -> None:
    assert deeds(kept, Registry(kept)) == []


@pytest.mark.parametrize("content", [None, b"", b"short", bytes(70_000)])
def test_a_layer_comes_back_from_where_it_was(kept: Store, root: Path, content: bytes | None) -> None:
    if content is None:
        blob(root, LAYER).unlink()
    else:
        spoil(blob(root, LAYER), content)
    registry = Registry(kept, *IMAGE.blobs)
    assert deeds(kept, registry) == [Deed.FETCHED]
    library = Source("docker.io", "library/one")
    assert registry.asked == [Wanted(LAYER, 70_000, is_document=False, sources=(SOURCE, library))]
    assert check(kept) == check(kept, read_data=True)
    assert check(kept).is_sound
    assert os.listdir(root / "damaged") == [] if content is not None else not (root / "damaged").exists()


def test_wrong_bytes_are_kept_aside_while_the_right_ones_do_not_come(kept: Store, root: Path) -> None:
    spoil(blob(root, LAYER), bytes(70_000))
    assert deeds(kept, Registry(kept)) == [Deed.NOT_HEALED, Deed.NOT_HEALED]
    assert not blob(root, LAYER).exists()  # so that no pull takes it for the blob
    assert (root / "damaged" / f"sha256-{LAYER.encoded}").read_bytes() == bytes(70_000)
    assert [one.kind for one in check(kept).damage] == [Damage.MISSING_BLOB]
    assert deeds(kept, Registry(kept, *IMAGE.blobs)) == [Deed.FETCHED]
    assert os.listdir(root / "damaged") == []
    assert check(kept).is_sound


def test_without_a_known_registry_it_says_so(store: Store, root: Path) -> None:
    keep_image(store, IMAGE)
    blob(root, LAYER).unlink()
    registry = Registry(store, *IMAGE.blobs)
    (action,) = repair(store, check(store), registry.fetch, registry.measure)
    assert "no registry is known" in action.text
    assert registry.asked == []


def test_wrong_bytes_that_nothing_needs_are_removed(store: Store, root: Path) -> None:
    digest = put(store, b"unneeded")
    with store.database.write() as tx:
        store.content.record_blobs(tx, [(digest, 8)])
    spoil(blob(root, digest), b"UNNEEDED")
    assert deeds(store, Registry(store)) == [Deed.REMOVED]
    assert check(store) == CheckReport()
    assert not blob(root, digest).exists()


def test_an_image_of_which_only_the_name_is_left_comes_back_whole(store: Store) -> None:
    index = make_index(IMAGE.manifest)
    sql(store, "INSERT INTO names VALUES ('docker.io/library/one:latest', ?, 0)", str(Digest.of(index)))
    registry = Registry(store, index, *IMAGE.blobs)
    assert set(deeds(store, registry)) == {Deed.FETCHED, Deed.RECORDED, Deed.MEASURED}
    assert check(store).is_sound
    documents = {wanted.digest for wanted in registry.asked if wanted.is_document}
    assert documents == {Digest.of(index), IMAGE.digest}
    with store.database.read() as tx:
        assert tx.row("SELECT content_size FROM manifests WHERE image_id IS NOT NULL") == (73_000 - 1024,)


def test_a_name_whose_image_cannot_come_stays(store: Store) -> None:
    sql(store, "INSERT INTO names VALUES ('docker.io/library/lost:1', ?, 0)", str(Digest.of(b"lost")))
    assert deeds(store, Registry(store)) == [Deed.NOT_HEALED]
    assert store.names.get(Reference.parse("docker.io/library/lost:1")).target == Digest.of(b"lost")


def test_a_root_of_which_nothing_is_left_goes(store: Store) -> None:
    sql(store, "INSERT INTO roots VALUES (?, 0)", str(Digest.of(b"lost")))
    assert deeds(store, Registry(store)) == [Deed.REMOVED]
    assert check(store) == CheckReport()


def test_rows_are_made_again_from_the_document(kept: Store) -> None:
    sql(kept, "DELETE FROM edges")
    sql(kept, "UPDATE manifests SET labels = 'junk'")
    assert deeds(kept, Registry(kept)) == [Deed.RECORDED]
    assert check(kept).is_sound


def test_a_wrong_size_in_a_row_is_corrected_without_a_fetch(kept: Store) -> None:
    sql(kept, "UPDATE blobs SET size = 1 WHERE digest = ?", str(LAYER))
    assert deeds(kept, Registry(kept)) == [Deed.RECORDED]
    assert check(kept).is_sound


def test_layers_are_measured_again_and_sizes_follow(kept: Store) -> None:
    sql(kept, "DELETE FROM layers")
    sql(kept, "UPDATE manifests SET content_size = 0")
    assert Deed.MEASURED in deeds(kept, Registry(kept))
    assert check(kept).is_sound
    with kept.database.read() as tx:
        assert tx.row("SELECT content_size FROM manifests") == (73_000 - 1024,)


def test_layers_that_cannot_be_measured(kept: Store) -> None:
    sql(kept, "DELETE FROM layers")
    sql(kept, "UPDATE manifests SET content_size = 0")
    actions = repair(kept, check(kept), Registry(kept).fetch, measure)
    assert [one.deed for one in actions] == [Deed.NOT_HEALED, Deed.NOT_HEALED]


def test_leftovers_go_and_what_came_to_life_stays(kept: Store, root: Path) -> None:
    digests = [put(kept, b"never recorded"), put(kept, b"recorded after the check")]
    for digest in digests:
        os.utime(blob(root, digest), (1, 1))
    for key in ("old-1", "old-2"):
        with kept.ingests.open(key) as ingest:
            ingest.write(b"some")
        os.utime(root / "ingest" / key / "data", (1, 1))
    sql(kept, "INSERT INTO leases VALUES ('gone', 'another boot', 1, 1, 1, 9e9, 'pull x')")
    report = check(kept)
    assert len(report.leftovers) == 5
    with kept.database.write() as tx:
        kept.content.record_blobs(tx, [(digests[1], 24)])
    with kept.ingests.open("old-2"):
        assert deeds(kept, Registry(kept), report) == [Deed.REMOVED] * 3
    assert not blob(root, digests[0]).exists()
    assert blob(root, digests[1]).exists()
    assert os.listdir(root / "ingest") == ["old-2"]


def test_a_finding_that_is_healed_already_costs_no_fetch(kept: Store, root: Path) -> None:
    content = blob(root, LAYER).read_bytes()
    blob(root, LAYER).unlink()
    report = check(kept)
    put(kept, content)
    registry = Registry(kept)
    assert deeds(kept, registry, report) == [Deed.RECORDED]
    assert registry.asked == []


def test_cancelling_stops_the_repair(kept: Store, root: Path) -> None:
    blob(root, LAYER).unlink()

    def stop(_: Wanted) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        repair(kept, check(kept), stop, measure)
    with kept.database.read() as tx:
        assert kept.leases.all(tx) == []


def test_a_prune_during_the_fetch_does_not_take_what_came(kept: Store, root: Path) -> None:
    blob(root, LAYER).unlink()
    registry = Registry(kept, *IMAGE.blobs)

    def fetch(wanted: Wanted) -> None:
        registry.fetch(wanted)
        sql(kept, "DELETE FROM names")
        sql(kept, "DELETE FROM roots")
        with kept.database.write() as tx:
            kept.collector.collect(tx)

    actions = repair(kept, check(kept), fetch, registry.measure)
    assert actions[0].deed is Deed.FETCHED
    assert kept.content.holds(LAYER, 70_000)


def test_the_key_of_a_fetch_is_the_one_of_a_pull(kept: Store) -> None:
    assert ingest_key(LAYER) == f"sha256-{LAYER.encoded}"
    keep_index(kept, make_index(IMAGE.manifest))
    assert check(kept).is_sound
