from __future__ import annotations

import os
from pathlib import Path

import pytest

from shale.errors import Cancelled
from shale.oci.digest import DiffID
from shale.store.layerfiles import LayerBusy, layer_name
from shale.store.store import Store

NAME = layer_name(DiffID.of(b"layer"), "tree")


def make(store: Store, key: str, content: str) -> None:
    with store.layers.workplace(key) as workplace:
        os.mkdir("made", dir_fd=workplace.folder)
        file = os.open("made/file", os.O_WRONLY | os.O_CREAT, dir_fd=workplace.folder)
        os.write(file, content.encode())
        os.close(file)
        store.layers.place(workplace, "made", NAME)


def test_what_is_made_gets_its_name_and_nothing_else_stays(store: Store, root: Path) -> None:
    make(store, "sha256-1", "one")
    assert list(store.layers) == [NAME]
    assert os.listdir(root / "layers") == [NAME]
    assert store.layers.holds(NAME)


def test_a_folder_takes_the_place_of_another(store: Store, root: Path) -> None:
    make(store, "sha256-1", "one")
    make(store, "sha256-2", "two")
    assert (root / "layers" / NAME / "file").read_text() == "two"
    assert [name[:6] for name in store.layers.unfinished()] == [".gone-"]
    store.layers.sweep()
    assert os.listdir(root / "layers") == [NAME]


def test_what_is_not_placed_goes(store: Store, root: Path) -> None:
    with store.layers.workplace("sha256-1") as workplace:
        os.mkdir("made", dir_fd=workplace.folder)
    assert os.listdir(root / "layers") == []


def test_one_at_a_time_makes_the_same(store: Store) -> None:
    waited = 0

    def waiting() -> None:
        nonlocal waited
        waited += 1
        if waited == 3:
            raise Cancelled("enough")

    with store.layers.workplace("sha256-1"):
        with pytest.raises(LayerBusy, match="look for a stopped shale process"):
            store.layers.workplace("sha256-1", patience=0)
        with pytest.raises(Cancelled):
            store.layers.workplace("sha256-1", waiting=waiting)
        store.layers.workplace("sha256-2").close()
    store.layers.workplace("sha256-1", patience=0).close()


def test_a_workplace_of_the_dead_is_found_empty(store: Store, root: Path) -> None:
    (root / "layers/.new-sha256-1/deep/down").mkdir(parents=True)
    assert store.layers.unfinished() == [".new-sha256-1"]
    with store.layers.workplace("sha256-1") as workplace:
        assert os.listdir(workplace.folder) == []
        assert store.layers.unfinished() == []
        store.layers.sweep()
        assert os.listdir(root / "layers") == [".new-sha256-1"]


def test_what_goes_is_gone_at_once(store: Store, root: Path) -> None:
    make(store, "sha256-1", "one")
    store.layers.set_gone(NAME)
    store.layers.set_gone(NAME)
    assert list(store.layers) == []
    assert not store.layers.holds(NAME)
    assert len(os.listdir(root / "layers")) == 1
    store.layers.sweep()
    store.layers.sweep()
    assert os.listdir(root / "layers") == []
