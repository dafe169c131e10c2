"""An image as it is mounted, and as it is unpacked: the same tree, to the last attribute."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from faults.hands import build
from faults.image_work import archived
from mounted_trees import Found, read_tree
from peers.images import open_images
from shale.engine.engine import Engine
from shale.events import silent
from shale.image.archive.load import Loaded
from tar_entries import archive, file, folder, hardlink, symlink, whiteout

LOOSE = [
    archive(folder(b"etc", 0o750, uid=5, gid=6), file(b"etc/base", b"base"), symlink(b"lib", b"usr/lib"),
            folder(b"usr", 0o711), folder(b"usr/lib"), folder(b"gone"), file(b"gone/file")),
    archive(file(b"etc/added", b"+"), file(b"lib/through", b"a link"), hardlink(b"etc/again", b"etc/base")),
    archive(whiteout(b".wh.gone"), file(b"etc/last", b"3")),
]  # fmt: skip
"""Folders that are only implied, a link that leads elsewhere, and a hard link to a layer below."""


def tree_of(path: Path) -> dict[bytes, Found]:
    root = os.open(path, os.O_RDONLY)
    try:
        # Overlay counts the links of a file in its own layer, those that a later layer has removed as well.
        return {path: replace(found, links=0) for path, found in read_tree(root).items()}
    finally:
        os.close(root)


def loaded(engine: Engine, source: Path) -> Loaded:
    (image,) = engine.images.load(source, listener=silent)
    return image


def assert_same_tree(engine: Engine, name: str, folder: Path) -> dict[bytes, Found]:
    unpacked = tree_of(engine.images.unpack(name, folder).folder)
    for _ in range(2):  # made, and kept
        with engine.images.mount(name) as place:
            assert tree_of(place) == unpacked
    return unpacked


@pytest.mark.parametrize("layers", [LOOSE, LOOSE[:1]])
def test_a_mounted_image_is_there_to_be_looked_at(tmp_path: Path, layers: list[bytes]) -> None:
    (tmp_path / "image.tar").write_bytes(archived(build(layers, layers)))
    with Engine.open(tmp_path / "root", environ={"HOME": str(tmp_path)}) as engine:
        image = loaded(engine, tmp_path / "image.tar")
        with engine.images.mount(str(image.target)) as place:
            flags = os.statvfs(place).f_flag
    assert flags & os.ST_RDONLY
    assert flags & os.ST_NOSUID
    assert flags & os.ST_NODEV


def test_a_chain_that_needs_a_correction(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(archived(build(LOOSE, LOOSE)))
    with Engine.open(tmp_path / "root", environ={"HOME": str(tmp_path)}) as engine:
        image = loaded(engine, tmp_path / "image.tar")
        found = assert_same_tree(engine, str(image.target), tmp_path / "tree")
        assert (found[b"etc"].mode, found[b"etc"].uid) == (0o750, 5)
        assert found[b"etc/again"].names == (b"etc/again", b"etc/base")
        assert b"usr/lib/through" in found
        assert b"gone" not in found
        with engine.store.database.read() as tx:
            assert tx.rows("SELECT count(*) FROM corrections WHERE diff_id IS NOT NULL") == [(1,)]
            assert tx.rows("SELECT count(*) FROM unpacked") == [(len(LOOSE) + 1,)]
        engine.images.prune(all_images=True)
        assert os.listdir(tmp_path / "root/layers") == []


@pytest.mark.parametrize("name", ["busybox", "layers"])
def test_images_of_the_matrix(name: str, tmp_path: Path) -> None:
    images = open_images(os.environ, os.environ)
    layout = getattr(images, name)().layout
    with Engine.open(tmp_path / "root", environ={"HOME": str(tmp_path)}) as engine:
        image = loaded(engine, layout)
        assert len(assert_same_tree(engine, str(image.target), tmp_path / "tree")) > 20
