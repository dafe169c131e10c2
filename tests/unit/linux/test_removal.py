from __future__ import annotations

import os
from pathlib import Path

from shale.linux.removal import remove_tree

DEEP = 3000


def remove(folder: Path, name: str) -> None:
    parent = os.open(folder, os.O_RDONLY)
    try:
        remove_tree(parent, name)
    finally:
        os.close(parent)


def test_all_of_a_tree_goes_and_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    tree = tmp_path / "tree"
    for folder in ("a/b/c", "a/b/d", "e", ".shale-1"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "file").write_text("x")
    (tree / "a" / "link").symlink_to(outside)
    (tree / "a" / "b" / "here").symlink_to(".")
    os.mkfifo(tree / "e" / "pipe")
    (tree / "locked").mkdir(mode=0)
    remove(tmp_path, "tree")
    assert os.listdir(tmp_path) == ["outside"]
    assert os.listdir(outside) == ["kept"]


def test_a_file_a_link_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "missing"):
        remove(tmp_path, name)
    assert os.listdir(tmp_path) == []


def test_depth_does_not_matter(tmp_path: Path) -> None:
    """Deeper than descriptors, the stack of Python, and PATH_MAX."""
    os.mkdir(tmp_path / "deep")
    here = os.open(tmp_path / "deep", os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("d" * 50, dir_fd=here)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    remove(tmp_path, "deep")
    assert os.listdir(tmp_path) == []
