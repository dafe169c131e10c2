from __future__ import annotations

import os
from pathlib import Path

from shale.linux.measure import tree_size
from shale.linux.removal import remove_tree


def size(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        return tree_size(descriptor)
    finally:
        os.close(descriptor)


def test_bytes_of_files_links_once_folders_nothing(tmp_path: Path) -> None:
    assert size(tmp_path) == 0
    for path, count in (("a/b/one", 10), ("a/two", 20), ("c/d/e/three", 40), ("four", 80)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * count)
    os.link(tmp_path / "four", tmp_path / "c/again")
    os.mkfifo(tmp_path / "c/pipe")
    assert size(tmp_path) == 150


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "big").write_bytes(b"x" * 1000)
    (tmp_path / "in/link").symlink_to("../big")
    (tmp_path / "in/folder").symlink_to("..")
    assert size(tmp_path / "in") == len("../big") + len("..")


def test_depth_does_not_matter(tmp_path: Path) -> None:
    here = top = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        if here != top:
            os.close(here)
        here = below
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, b"12345")
    os.close(file)
    os.close(here)
    assert size(tmp_path) == 5
    remove_tree(top, "d")  # pytest's own cleaning does not reach so deep
    os.close(top)
