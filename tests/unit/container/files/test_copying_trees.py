"""Reading a tree and putting it somewhere: what is kept, what is in the way, what a hostile side cannot do."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from shale.container.files.folderpath import NotAFolder
from shale.container.files.putting import CopyConflict
from shale.container.files.reading import ReadingRules, read_entry
from shale.container.files.transit import Interfered
from shale.layer.entry import TreeEntry
from shale.linux.syscall import library
from tree_facts import facts_of
from unit.container.files.trees import copy_tree

AT_FDCWD = -100
EXCHANGE = 2
"""RENAME_EXCHANGE."""


def fill(tree: Path) -> None:
    (tree / "d/sub").mkdir(parents=True)
    (tree / "d/file").write_bytes(b"x" * 100_000)
    (tree / "d/sub/setid").write_bytes(b"s")
    os.chown(tree / "d/sub/setid", 1234, 4321)
    (tree / "d/sub/setid").chmod(0o6755)
    os.symlink("../nowhere", tree / "d/dangling")
    os.link(tree / "d/file", tree / "d/sub/second")
    os.mkfifo(tree / "d/fifo", 0o640)
    os.mknod(tree / "d/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.setxattr(tree / "d/file", "user.note", b"kept")
    (tree / "empty").mkdir(mode=0o700)
    (tree / os.fsdecode(b"\xff name")).touch()
    for place in (tree / "d/sub", tree / "d", tree / "empty"):
        os.utime(place, ns=(10**9, 1_700_000_000_123_456_789))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tree = tmp_path / "source"
    tree.mkdir()
    fill(tree)
    return tree


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def test_a_tree_comes_as_it_is(source: Path, target: Path) -> None:
    assert copy_tree(source, target, name=b"copy") == []
    assert facts_of(target / "copy") == facts_of(source)


def test_what_is_there_already_is_merged_and_replaced(source: Path, target: Path) -> None:
    (target / "d/other").mkdir(parents=True)
    (target / "d/file").write_bytes(b"old")
    os.symlink("file", target / "d/fifo")
    (target / "d/dangling").write_bytes(b"a file")
    copy_tree(source, target)
    copy_tree(source, target)  # over itself, hard links too
    facts = facts_of(target)
    assert facts.pop("d/other").mode == 0o755
    expected = facts_of(source)
    del facts["."], expected["."]
    assert facts == expected


def test_without_owners_there_are_no_set_id_bits_and_no_devices(source: Path, target: Path) -> None:
    notes = copy_tree(source, target, owner=False, devices=False)
    status = (target / "d/sub/setid").stat()
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())
    assert not (target / "d/null").exists()
    assert notes == ["device 'there/d/null' left out"]


def test_sockets_are_no_entries(source: Path, target: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "s"))
        copy_tree(source, target)
    assert not (target / "s").exists()


def test_a_file_gets_the_name_that_is_wanted(source: Path, target: Path) -> None:
    copy_tree(source / "d/dangling", target, name=b"link")
    copy_tree(source / "d/file", target, name=b"file")
    assert os.readlink(target / "link") == "../nowhere"
    assert (target / "file").stat().st_size == 100_000


def test_folders_and_other_things_do_not_replace_each_other(source: Path, target: Path) -> None:
    (target / "d").write_bytes(b"")
    with pytest.raises(CopyConflict, match="cannot overwrite non-directory 'there/d' with directory"):
        copy_tree(source, target)
    (target / "file").mkdir()
    with pytest.raises(CopyConflict, match="cannot overwrite directory 'there/file' with non-directory"):
        copy_tree(source / "d/file", target, name=b"file")
    assert (target / "file").is_dir()


def test_a_link_in_the_place_of_a_folder_is_not_followed(source: Path, target: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, target / "d")
    with pytest.raises(CopyConflict):
        copy_tree(source, target)
    with pytest.raises((CopyConflict, NotAFolder)):
        copy_tree(source / "d/file", target, name=b"d/file")
    assert list(outside.iterdir()) == []


def test_folders_that_are_not_entered_come_empty(source: Path, target: Path) -> None:
    inner = (source / "d/sub").stat().st_ino
    copy_tree(source, target, enters=lambda status: status.st_ino != inner)
    assert list((target / "d/sub").iterdir()) == []
    assert (target / "d/file").exists()


@contextmanager
def exchanging(*pairs: tuple[Path, Path]) -> Iterator[None]:
    """Exchange names in pairs, over and over, each exchange in one step as renameat2(2) does it."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for one, other in pairs:
                library("renameat2", AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), EXCHANGE)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        stop.set()
        swapper.join()


def test_links_exchanged_under_a_reader_show_nothing_of_elsewhere(tmp_path: Path) -> None:
    # CVE-2018-15664, CVE-2019-10152: a container swaps a folder and a file for links while they are copied.
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "f").write_bytes(b"secret")
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "a/f").write_bytes(b"public")
    os.symlink(secret, tree / "b")
    (tree / "file").write_bytes(b"public")
    os.symlink(secret / "f", tree / "link")
    with exchanging((tree / "a", tree / "b"), (tree / "file", tree / "link")):
        for round_ in range(100):
            target = tmp_path / f"copy{round_}"
            target.mkdir()
            copy_tree(tree, target)
            files = [one for one in target.rglob("*") if not one.is_symlink() and one.is_file()]
            assert {one.read_bytes() for one in files} <= {b"public"}


def test_links_exchanged_under_a_writer_lead_nowhere(source: Path, target: Path, tmp_path: Path) -> None:
    # CVE-2018-15664, CVE-2021-41089, CVE-2026-41568: nothing is made, and no mode changed, outside.
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True, mode=0o700)
    canary = facts_of(outside)
    (target / "d").mkdir()
    os.symlink(outside, target / "other")
    with exchanging((target / "d", target / "other")):
        for _ in range(100):
            with suppress(CopyConflict, NotAFolder, Interfered):
                copy_tree(source, target)
    assert facts_of(outside) == canary
    if (target / "d").is_symlink():
        (target / "d").unlink()
    copy_tree(source, target)
    assert (target / "d/file").stat().st_size == 100_000
    assert facts_of(outside) == canary


def test_a_file_that_shrinks_is_filled_up(tmp_path: Path, target: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    file = tree / "f"
    file.write_bytes(b"a" * 3_000_000)

    class Shrinking:
        def __init__(self) -> None:
            self.size = 0

        def add(self, entry: TreeEntry, body: Iterable[bytes]) -> None:
            for piece in body:
                os.truncate(file, 1000)
                self.size += len(piece)

    shrinking = Shrinking()
    handle = os.open(file, os.O_PATH)
    try:
        read_entry(handle, b"f", shrinking, ReadingRules(lambda _: True, lambda _: True))
    finally:
        os.close(handle)
    assert shrinking.size == 3_000_000
