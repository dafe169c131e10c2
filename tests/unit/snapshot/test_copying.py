from __future__ import annotations

import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chains import opener
from mounted_trees import read_tree
from shale.errors import Cancelled, Invalid
from shale.snapshot.copying import FolderNotEmpty, Powers, powers_over, write_merged
from shale.snapshot.treecopy import copy_tree
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

ALL = Powers(give=True, make_devices=True)
NONE = Powers(give=False, make_devices=False)
NOBODY = 65534
LAYERS = [
    archive(
        folder(b"d", 0o2750, gid=7), file(b"d/f", b"x" * 3000, 0o4711), hardlink(b"d/g", b"d/f"), file(b"gone")
    ),
    archive(
        Entry(b"d/owned", content=b"o", uid=5, gid=6, mtime=1_234_567_890, xattrs={b"user.note": b"n"}),
        symlink(b"l", b"/d"),
        Entry(b"p", b"6", mode=0o600),
        Entry(b"null", b"3", device=(1, 3), mode=0o666),
        Entry(b"s", content=b"end", sparse=[(5_000_000, 3)], size=6_000_000),
        whiteout(b".wh.gone"),
        folder(b"closed", 0o500),
        file(b"closed/f", b"c"),
    ),
]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "place").mkdir()
    opened = os.open(tmp_path / "place", os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


class TestWritingChains:
    def test_with_all_powers(self, place: int) -> None:
        assert write_merged([opener(tar) for tar in LAYERS], place, ALL) == ()
        tree = read_tree(place)
        assert set(tree) == {
            b"", b"d", b"d/f", b"d/g", b"d/owned", b"l", b"p", b"null", b"s", b"closed", b"closed/f"
        }  # fmt: skip
        assert (tree[b""].mode, tree[b""].mtime) == (0o755, 0)
        assert (tree[b"d"].mode, tree[b"d"].gid) == (0o2750, 7)
        assert (tree[b"d/f"].mode, tree[b"d/f"].names) == (0o4711, (b"d/f", b"d/g"))
        assert (tree[b"d/owned"].uid, tree[b"d/owned"].gid, tree[b"d/owned"].mtime) == (5, 6, 1_234_567_890)
        assert tree[b"null"].device == os.makedev(1, 3)

    def test_without_any(self, place: int) -> None:
        notes = write_merged([opener(tar) for tar in LAYERS], place, NONE)
        assert any("null" in note for note in notes)
        tree = read_tree(place)
        assert b"null" not in tree
        assert {(found.uid, found.gid) for found in tree.values()} == {(os.geteuid(), os.getegid())}
        assert (tree[b"d/f"].mode, tree[b"closed"].mode) == (0o711, 0o500)
        assert tree[b"d/owned"].mtime == 1_234_567_890

    def test_a_folder_with_something_in_it(self, place: int) -> None:
        os.mkdir("mine", dir_fd=place)
        with pytest.raises(FolderNotEmpty, match="not empty"):
            write_merged([opener(LAYERS[0])], place, ALL)
        assert os.listdir(place) == ["mine"]

    def test_a_bad_layer_leaves_nothing(self, place: int) -> None:
        with pytest.raises(Invalid):
            write_merged([opener(LAYERS[0]), opener(archive(hardlink(b"h", b"nothing")))], place, ALL)
        assert os.listdir(place) == []

    def test_it_can_be_stopped(self, place: int) -> None:
        def stop() -> None:
            raise Cancelled("stopped")

        with pytest.raises(Cancelled):
            write_merged([opener(LAYERS[0])], place, ALL, check=stop)
        assert os.listdir(place) == []

    def test_no_layers(self, place: int) -> None:
        assert write_merged([], place, ALL) == ()
        assert os.listdir(place) == []


def test_powers_are_found_out_by_trying(place: int, tmp_path: Path) -> None:
    assert powers_over(place) == ALL
    assert os.listdir(place) == []
    program = (
        "import os, sys; from shale.snapshot.copying import powers_over;"
        "print(powers_over(os.open(sys.argv[1], os.O_RDONLY)))"
    )
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", program, str(tmp_path / "place")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(NONE), "")


def test_an_ordinary_user_gets_a_usable_tree(place: int) -> None:
    os.fchown(place, NOBODY, NOBODY)

    def unpack() -> None:
        powers = powers_over(place)
        assert powers == NONE
        write_merged([opener(tar) for tar in LAYERS], place, powers)
        assert os.listdir(os.open("closed", os.O_RDONLY, dir_fd=place)) == ["f"]

    as_nobody(unpack)
    tree = read_tree(place)
    assert {(found.uid, found.gid) for found in tree.values()} == {(NOBODY, NOBODY)}
    assert (tree[b"closed"].mode, tree[b"d/f"].mode, tree[b"d/owned"].size) == (0o500, 0o711, 1)


def as_nobody(work: Callable[[], None]) -> None:
    """Do something in a process of its own, as a user without any privilege."""
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            work()
        except BaseException:  # noqa: BLE001 - told by the status
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


class TestCopyingTrees:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[int]:
        (tmp_path / "source").mkdir()
        opened = os.open(tmp_path / "source", os.O_RDONLY | os.O_DIRECTORY)
        write_merged([opener(tar) for tar in LAYERS], opened, ALL)
        yield opened
        os.close(opened)

    def test_everything_is_the_same(self, source: int, place: int) -> None:
        assert copy_tree(source, place, keep_owner=True) == ()
        assert read_tree(place) == read_tree(source)
        assert os.stat("s", dir_fd=place).st_blocks * 512 < 1_000_000

    def test_owners_are_left_out(self, source: int, place: int) -> None:
        copy_tree(source, place, keep_owner=False)
        tree = read_tree(place)
        assert {(found.uid, found.gid) for found in tree.values()} == {(0, 0)}
        assert (tree[b"d/f"].mode, tree[b"d"].mode) == (0o711, 0o750)

    def test_what_is_copied_is_not_shared(self, source: int, place: int) -> None:
        copy_tree(source, place, keep_owner=True)
        with open(os.open("d/f", os.O_WRONLY, dir_fd=place), "wb") as changed:
            changed.write(b"changed")
        assert read_tree(source)[b"d/f"].content != read_tree(place)[b"d/f"].content

    def test_links_are_not_followed(self, tmp_path: Path, source: int, place: int) -> None:
        (tmp_path / "secret").write_text("secret")
        os.symlink("../secret", "out", dir_fd=source)
        os.symlink("..", "above", dir_fd=source)
        copy_tree(source, place, keep_owner=True)
        assert stat.S_ISLNK(os.stat("out", dir_fd=place, follow_symlinks=False).st_mode)
        assert os.readlink("above", dir_fd=place) == ".."

    def test_folders_as_deep_as_layers_have_them(self, source: int, place: int) -> None:
        deep = archive(file(b"/".join([b"deep" * 20] * 300) + b"/f", b"x"))
        os.mkdir("deep", dir_fd=source)
        below = os.open("deep", os.O_RDONLY, dir_fd=source)
        write_merged([opener(deep)], below, ALL)
        os.close(below)
        copy_tree(source, place, keep_owner=True)
        assert read_tree(place) == read_tree(source)
