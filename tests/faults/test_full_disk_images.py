"""DF-1 for whole operations with images: a full disk is told as such, harms nothing, and passes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.disk import fill, small_disk
from faults.image_work import open_engine
from faults.served_image import ImageRegistry, first_byte
from image_factory import add_image, build_image
from shale.engine.engine import Engine
from shale.errors import Exhausted
from shale.oci.digest import Digest
from shale.store.check import check
from shale.store.ingests import ingest_key
from shale.store.store import open_store
from store_images import noise

MIB = 1 << 20
LARGE = build_image(layers=({"etc/base": b"base"}, {"app": noise("large", 3 * MIB)}))
SMALL = build_image(layers=({"etc/small": b"small"},))
LAYER = Digest.of(LARGE.layers[1])
ADVICE = "free some space"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size=8 * MIB) as mounted:
        yield mounted


def assert_sound(root: Path) -> None:
    with open_store(root) as store:
        assert check(store).damage == ()


def test_a_disk_that_is_full_in_a_pull(disk: Path) -> None:
    root = disk / "root"
    add_image(root, SMALL, "docker.io/library/small:1")
    ballast = fill(disk, leave=2 * MIB)
    with ImageRegistry(LARGE) as registry:
        name = f"{registry.host}/app:v1"
        with open_engine(root) as engine:
            with pytest.raises(Exhausted, match=ADVICE):
                engine.images.pull(name)
            assert [one.names[0].familiar for one in engine.images.list()] == ["small:1"]
            kept = engine.store.ingests.bytes_kept(ingest_key(LAYER))
        assert kept > MIB // 2  # what came is kept
        ballast.unlink()
        assert_sound(root)
        before = len(registry.fetches("app"))
        with open_engine(root) as engine:
            assert engine.images.pull(name).summary.target == LARGE.digest
        asked = [each for each in registry.fetches("app")[before:] if each.path.endswith(LAYER.encoded)]
        assert [first_byte(each) for each in asked] == [kept]
    assert_sound(root)


def test_a_disk_that_is_full_in_a_load(disk: Path, tmp_path: Path) -> None:
    root, archive = disk / "root", tmp_path / "large.tar"
    add_image(tmp_path / "saver", LARGE, "docker.io/library/large:1")
    with open_engine(tmp_path / "saver") as engine:
        engine.images.save("large:1", to=archive)
    add_image(root, SMALL, "docker.io/library/small:1")
    ballast = fill(disk, leave=2 * MIB)
    with open_engine(root) as engine:
        with pytest.raises(Exhausted, match=ADVICE):
            engine.images.load(archive)
        assert [one.names[0].familiar for one in engine.images.list()] == ["small:1"]
    ballast.unlink()
    assert_sound(root)
    with open_engine(root) as engine:
        engine.images.load(archive)
        assert engine.images.get("large:1").id == str(Digest.of(LARGE.config))
    assert_sound(root)


def _tag_without_end(engine: Engine, made: list[str]) -> None:
    for number in range(5000):
        engine.images.tag("small:1", f"name-{number}:1")
        made.append(f"name-{number}:1")


def test_a_disk_that_is_full_in_a_tag(disk: Path) -> None:
    """The log of the database has some room of its own: so names are made until there is none."""
    root = disk / "root"
    add_image(root, SMALL, "docker.io/library/small:1")
    made: list[str] = []
    with open_engine(root) as engine:
        ballast = fill(disk)
        with pytest.raises(Exhausted, match=ADVICE):
            _tag_without_end(engine, made)
        ballast.unlink()
        kept = {name.familiar for one in engine.images.list() for name in one.names}
        assert kept == {"small:1", *made}
        engine.images.tag("small:1", f"name-{len(made)}:1")
    assert_sound(root)


def test_a_disk_that_is_full_in_an_unpacking(disk: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    add_image(root, LARGE, "docker.io/library/large:1")
    ballast = fill(disk, leave=2 * MIB)
    with open_engine(root) as engine:
        with pytest.raises(Exhausted, match=ADVICE):
            engine.images.unpack("large:1", disk / "tree")
        assert os.listdir(disk) == [ballast.name]
        ballast.unlink()
        engine.images.unpack("large:1", disk / "tree")
    assert (disk / "tree/app").read_bytes() == noise("large", 3 * MIB)
    assert_sound(root)


def test_a_disk_that_is_full_when_layers_are_first_used(disk: Path) -> None:
    root = disk / "root"
    add_image(root, LARGE, "docker.io/library/large:1")
    ballast = fill(disk, leave=2 * MIB)
    with open_engine(root) as engine:
        with pytest.raises(Exhausted, match=ADVICE), engine.images.mount("large:1"):
            raise AssertionError
        assert [name for name in os.listdir(root / "layers") if name.startswith(".")] == []
        ballast.unlink()
        assert_sound(root)
        with engine.images.mount("large:1") as place:
            assert (place / "app").read_bytes() == noise("large", 3 * MIB)
    assert_sound(root)


def test_removing_makes_room_on_a_full_disk(tmp_path: Path) -> None:
    """Where the disk was ever large enough for the store to keep some room back."""
    with small_disk(tmp_path / "large", size=80 * MIB) as disk:
        root = disk / "root"
        add_image(root, LARGE, "docker.io/library/large:1")
        fill(disk)
        assert os.statvfs(disk).f_bavail == 0
        with open_engine(root) as engine:
            assert engine.images.remove("large:1").garbage.size > 3 * MIB
        assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize >= 3 * MIB
        assert_sound(root)
