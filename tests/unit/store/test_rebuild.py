from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.actions import Deed
from shale.store.check import check
from shale.store.content import Source
from shale.store.database import DatabaseDamaged
from shale.store.findings import Damage
from shale.store.rebuild import RebuildUnderWay, rebuild_database
from shale.store.repair import repair
from shale.store.store import open_store
from store_images import Registry, keep_image, keep_index, make_image, make_index

ONE, TWO, SIGNATURE = make_image("one"), make_image("two"), make_image("s", subject=make_image("one").manifest)
NAME = Reference.parse("docker.io/library/one:latest")


@pytest.fixture
def filled(root: Path) -> Path:
    with open_store(root) as store:
        keep_image(store, ONE, str(NAME), source=Source("r.example:5000", "a/b"))
        keep_image(store, TWO)
        keep_image(store, SIGNATURE)
        keep_index(store, make_index(TWO.manifest))
    return root


def zero_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(100))


def zero_tail(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def test_the_way_out_is_said_and_a_user_cannot_go_on_without_it(filled: Path) -> None:
    empty(filled / "shale.db")
    for _ in range(2):
        with (
            pytest.raises(DatabaseDamaged, match=r"missing or empty.*shale store check --repair"),
            open_store(filled),
        ):
            pass


@pytest.mark.parametrize("harm", [zero_header, zero_tail, empty, noise, Path.unlink])
def test_a_lost_database_is_said_and_made_anew(filled: Path, harm: Callable[[Path], object]) -> None:
    harm(filled / "shale.db")
    if harm is not zero_tail:  # which leaves a header that can be opened; see test_check
        with pytest.raises(DatabaseDamaged, match="shale store check --repair"), open_store(filled):
            pass
    actions = rebuild_database(filled)
    assert actions[-1].deed is Deed.REBUILT
    with open_store(filled) as store:
        assert {one.kind for one in check(store).damage} == {Damage.LAYER_FACTS}
        registry = Registry(store)
        repair(store, check(store), registry.fetch, registry.measure)
        assert check(store).is_sound
        with store.database.read() as tx:
            roots = {Digest.parse(digest) for (digest,) in tx.rows("SELECT digest FROM roots")}
    assert roots == {ONE.digest, Digest.of(make_index(TWO.manifest))}


def test_what_can_be_read_of_the_old_database_is_taken_over(filled: Path) -> None:
    os.rename(filled / "shale.db", filled / "shale.db.rebuilding")  # an earlier rebuild was killed here
    with pytest.raises(DatabaseDamaged), open_store(filled):
        pass
    actions = rebuild_database(filled)
    assert {one.subject for one in actions if one.deed is Deed.RESCUED} == {
        "names", "moves of names", "measurements of layers", "sources",
    }  # fmt: skip
    with open_store(filled) as store:
        assert check(store).is_sound
        assert store.names.get(NAME).target == ONE.digest
        assert len(store.names.log(NAME)) == 1
        assert store.content.sources(ONE.digest) == [Source("r.example:5000", "a/b")]
    assert {one for one in os.listdir(filled) if one.startswith("shale.db.")} == {"shale.db.damaged-1"}


def test_damaged_databases_are_all_kept(filled: Path) -> None:
    for _ in range(2):
        noise(filled / "shale.db")
        rebuild_database(filled)
    assert {one for one in os.listdir(filled) if "damaged" in one} == {
        "shale.db.damaged-1", "shale.db.damaged-2",
    }  # fmt: skip


def test_wrong_blobs_are_moved_aside(filled: Path) -> None:
    path = filled / "blobs/sha256" / Digest.of(TWO.config).encoded
    path.chmod(0o600)
    path.write_bytes(b"x")
    noise(filled / "shale.db")
    assert Deed.SET_ASIDE in {one.deed for one in rebuild_database(filled)}
    assert os.listdir(filled / "damaged") == [f"sha256-{Digest.of(TWO.config).encoded}"]


def test_a_sound_database_is_left_alone(filled: Path) -> None:
    before = (filled / "shale.db").stat().st_ino
    assert rebuild_database(filled) == []
    assert (filled / "shale.db").stat().st_ino == before


def test_two_at_once(filled: Path) -> None:
    noise(filled / "shale.db")
    folder = os.open(filled, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(RebuildUnderWay):
            rebuild_database(filled)
    finally:
        os.close(folder)
