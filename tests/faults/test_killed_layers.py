"""CR-1 and CR-2 for images as file systems: mount, umount, unpack, prune, killed at every call or instant.

After each kill the store has no damage, what was promised holds, the same operation succeeds, and nothing is
left behind: no mount, no half-made layer, no folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import layer_work
from faults.image_work import make_template, open_engine
from faults.killer import Casualty, kill_at_each_call, kill_at_random_instants
from faults.layer_work import FILES, IMAGE, tree
from shale.linux.mount import unmount
from shale.store.check import check


@pytest.fixture
def template(tmp_path: Path) -> Iterator[Path]:
    """A store whose layers are not mountable yet. Whatever is mounted below the folder goes at the end."""
    root = make_template(tmp_path, IMAGE, names=["kept:v1"])
    with open_engine(root) as engine, engine.store.database.write() as tx:
        for layer in engine.store.unpacked.all(tx):
            engine.store.unpacked.drop(tx, layer.diff_id, layer.form)
    with open_engine(root) as engine:
        engine.store.layers.sweep()
    assert os.listdir(root / "layers") == []
    yield root
    for place in mounted(tmp_path):
        unmount(place, detach=True)


def mounted(below: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [place for line in lines if (place := line.split()[4]).startswith(f"{below}/")]


def nothing(_: str) -> None:
    pass


def assert_clean(root: Path) -> None:
    """Nothing is left but the store with its image."""
    assert mounted(root) == []
    assert os.listdir(root / "mounts") == []
    with open_engine(root) as engine:
        engine.images.prune()
        report = check(engine.store)
        assert (report.damage, report.leftovers) == ((), ())
        assert engine.images.find("kept:v1").target == IMAGE.digest
        for layer in engine.store.layers:
            assert not layer.startswith(".")


def assert_mounts_go_on(casualty: Casualty, template: Path) -> None:
    assert not casualty.error, casualty.error
    with open_engine(casualty.root) as engine:
        assert check(engine.store).damage == (), casualty
        if casualty.said and casualty.said[-1].startswith("mounted") and not casualty.killed:
            assert tree(Path(casualty.said[-1].partition(" ")[2])) == FILES
    layer_work.mount(casualty.root, nothing, str(template))
    (place,) = mounted(casualty.root)
    assert tree(Path(place)) == FILES
    layer_work.unmount(casualty.root, nothing, str(template))
    assert_clean(casualty.root)


@pytest.mark.slow
def test_a_mount_killed_at_every_call(tmp_path: Path, template: Path) -> None:
    casualties = []
    for casualty in kill_at_each_call(
        "faults.layer_work:mount", tmp_path, prepare="faults.image_work:copy", args=(str(template),)
    ):
        assert_mounts_go_on(casualty, template)
        casualties.append(casualty)
    assert len(casualties) > 40
    assert not casualties[-1].killed


@pytest.mark.slow
def test_mounts_killed_at_any_instant(tmp_path: Path, template: Path) -> None:
    for casualty in kill_at_random_instants(
        "faults.layer_work:remount", tmp_path, times=30, seed=12,
        prepare="faults.image_work:copy", args=(str(template),),
    ):  # fmt: skip
        assert_mounts_go_on(casualty, template)


@pytest.mark.slow
def test_an_unpacking_killed_at_any_instant(tmp_path: Path, template: Path) -> None:
    for casualty in kill_at_random_instants(
        "faults.layer_work:unpack", tmp_path, times=25, seed=13,
        prepare="faults.image_work:copy", args=(str(template),),
    ):  # fmt: skip
        assert not casualty.error, casualty.error
        beside = casualty.root.parent
        if (beside / "tree").exists():
            assert tree(beside / "tree") == FILES  # whole or not at all
        else:
            assert not casualty.said
            layer_work.unpack(casualty.root, nothing, str(template))
            assert tree(beside / "tree") == FILES
            assert [one.name for one in beside.iterdir() if one.name.startswith(".")] == []


@pytest.mark.slow
def test_a_prune_of_layers_killed_at_every_call(tmp_path: Path, template: Path) -> None:
    for casualty in kill_at_each_call(
        "faults.layer_work:prune", tmp_path, prepare="faults.image_work:copy", args=(str(template),)
    ):
        assert not casualty.error, casualty.error
        for place in mounted(casualty.root):
            assert not casualty.said
            assert tree(Path(place)) == FILES
        with open_engine(casualty.root) as engine:
            assert check(engine.store).damage == (), casualty
            for left in engine.images.mount_places():
                engine.images.umount(left)
            if engine.images.list() and engine.images.list()[0].names:
                engine.images.untag("kept:v1")
            engine.images.prune()
            report = check(engine.store)
            assert (report.damage, report.leftovers) == ((), ()), casualty
        assert mounted(casualty.root) == []
        assert os.listdir(casualty.root / "layers") == []
