"""The way down a tree that is deeper than a process may have files open."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shale.container.files.trail import Trail
from unit.container.files.trees import copy_tree

DEPTH = 600
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """Folders in each other, each with a file, and a file at the end."""
    here = os.open(tmp_path, FOLDER)
    for name in ["tree", *(["d"] * DEPTH)]:
        os.mkdir(name, dir_fd=here)
        below = os.open(name, FOLDER, dir_fd=here)
        os.close(here)
        here = below
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    return tmp_path / "tree"


@pytest.fixture
def few_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def leave_all(trail: Trail) -> None:
    while True:
        os.close(trail.leave())


@pytest.mark.usefixtures("few_files")
def test_a_tree_of_any_depth_is_copied(deep: Path, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    descriptors = len(os.listdir("/proc/self/fd"))
    assert copy_tree(deep, tmp_path / "to") == []
    assert len(os.listdir("/proc/self/fd")) == descriptors
    folders = [folder for folder, _, files in os.walk(tmp_path / "to") if files == ["file"]]
    assert len(folders) == DEPTH + 1


def test_a_folder_that_was_moved_meanwhile_is_noticed(deep: Path) -> None:
    with closing(Trail(FOLDER)) as trail:
        trail.enter(os.open(deep, FOLDER))
        for _ in range(DEPTH):
            trail.enter(os.open("d", FOLDER, dir_fd=trail.lowest))
        (deep / "elsewhere").mkdir()
        os.rename(deep / "d/d/d", deep / "elsewhere/d")
        with pytest.raises(OSError, match="moved") as raised:
            leave_all(trail)
        assert raised.value.errno == errno.ESTALE
