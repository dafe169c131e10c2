"""Copies of images: written once for each container, whole or begun again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from image_factory import build_image, keep
from shale.errors import Invalid
from shale.oci.digest import DiffID, Digest
from shale.snapshot.copied import CopiedSnapshots, MadeOtherwise, is_copied
from shale.snapshot.layers import LayerKey
from shale.store.store import Store

IMAGE = build_image(layers=({"etc/kept": b"kept", "etc/gone": b""}, {"etc/.wh.gone": b"", "new": b"new"}))
KEYS = [LayerKey(Digest.of(tar), DiffID.of(tar)) for tar in IMAGE.layers]


@contextmanager
def parts(folder: Path) -> Iterator[tuple[int, int]]:
    with ExitStack() as held:
        opened = []
        for name in ("upper", "work"):
            (folder / name).mkdir(exist_ok=True)
            opened.append(os.open(folder / name, os.O_RDONLY))
            held.callback(os.close, opened[-1])
        yield opened[0], opened[1]


def fill(store: Store, folder: Path) -> None:
    keep(store, IMAGE)
    with parts(folder) as (upper, work), CopiedSnapshots(store).open(KEYS) as snapshot:
        os.close(snapshot.mount(upper, work))
        assert is_copied(work)


def test_a_container_has_the_merged_tree_and_keeps_its_changes(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    upper = tmp_path / "upper"
    assert sorted(path.name for path in upper.rglob("*")) == ["etc", "kept", "new"]
    (upper / "new").unlink()
    (upper / "etc/kept").write_bytes(b"mine")
    fill(store, tmp_path)
    assert sorted(path.name for path in upper.rglob("*")) == ["etc", "kept"]
    assert (upper / "etc/kept").read_bytes() == b"mine"


def test_what_a_killed_process_began_is_begun_again(store: Store, tmp_path: Path) -> None:
    with parts(tmp_path):
        (tmp_path / "work/copying").touch()
        (tmp_path / "upper/half").mkdir()
    fill(store, tmp_path)
    assert sorted(os.listdir(tmp_path / "upper")) == ["etc", "new"]


def test_changes_above_stacked_layers_are_left_alone(store: Store, tmp_path: Path) -> None:
    with parts(tmp_path):
        (tmp_path / "upper/mine").touch()
    with pytest.raises(MadeOtherwise):
        fill(store, tmp_path)
    assert os.listdir(tmp_path / "upper") == ["mine"]


def test_a_view_lasts_as_long_as_its_descriptor(store: Store) -> None:
    keep(store, IMAGE)
    copies = CopiedSnapshots(store)
    with copies.open(KEYS) as snapshot:
        view = snapshot.view()
        store.layers.sweep()
        assert sorted(os.listdir(view)) == ["etc", "new"]
        os.close(view)
    store.layers.sweep()
    assert os.listdir(store.layers.folder) == []


def test_a_layer_that_is_no_good_leaves_nothing(store: Store, tmp_path: Path) -> None:
    bad = build_image(layers=({"../out": b""},))
    keep(store, bad)
    keys = [LayerKey(Digest.of(tar), DiffID.of(tar)) for tar in bad.layers]
    with parts(tmp_path) as (upper, work), CopiedSnapshots(store).open(keys) as snapshot:
        with pytest.raises(Invalid):
            os.close(snapshot.mount(upper, work))
        assert (os.listdir(upper), is_copied(work)) == ([], False)
        with pytest.raises(Invalid):
            snapshot.view()
    assert os.listdir(store.layers.folder) == []
