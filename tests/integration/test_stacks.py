"""Directories stacked by the kernel: what overlay does not see to by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mounted_trees import read_tree
from shale.linux.mount import MOST_LOWERS
from shale.snapshot.overlay import Stack, TooManyLayers, stack_of


class Place:
    """A folder for lower directories, and what is open of it."""

    def __init__(self, path: Path, held: ExitStack) -> None:
        self.path = path
        self._held = held

    def open(self, name: str) -> int:
        return self.keep(os.open(self.path / name, os.O_RDONLY | os.O_DIRECTORY))

    def keep(self, descriptor: int) -> int:
        self._held.callback(os.close, descriptor)
        return descriptor

    def lower(self, name: str, *files: str, mode: int = 0o755, mtime: int = 0) -> int:
        """A lower directory; names that end with a slash are folders."""
        root = self.path / name
        root.mkdir()
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            if file.endswith("/"):
                (root / file).mkdir()
            else:
                (root / file).write_text(name)
        root.chmod(mode)
        os.utime(root, (mtime, mtime))
        return self.open(name)

    def hide(self, name: str, path: str) -> None:
        """A whiteout; its folder is marked as the forms of layers do it."""
        hidden = self.path / name / path
        times = (self.path / name).stat()
        os.mknod(hidden, 0o20000, 0)
        os.setxattr(hidden.parent, "trusted.overlay.origin", b"")
        os.utime(self.path / name, (times.st_atime, times.st_mtime))

    def names(self, stack: Stack) -> set[str]:
        return {os.fsdecode(name) for name in read_tree(self.keep(stack.view())) if name}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as held:
        yield Place(tmp_path, held)


def test_a_layer_alone_does_not_show_its_whiteouts(place: Place) -> None:
    lower = place.lower("one", "d/f", "e")
    place.hide("one", "gone")
    place.hide("one", "d/gone")
    assert place.names(stack_of([lower])) == {"d", "d/f", "e"}


def test_an_image_without_layers_is_an_empty_folder(place: Place) -> None:
    view = place.keep(stack_of([]).view())
    root = read_tree(view)[b""]
    assert (root.mode, root.uid, root.mtime) == (0o755, 0, 0)
    for name in ("upper", "work"):
        (place.path / name).mkdir()
    mounted = place.keep(stack_of([]).mount(place.open("upper"), place.open("work")))
    os.mkdir("made", dir_fd=mounted)
    assert os.listdir(place.path / "upper") == ["made"]


def test_an_opaque_root_hides_what_is_below(place: Place) -> None:
    top, middle, below = (
        place.lower("top", "a"),
        place.lower("middle", "b"),
        place.lower("below", "c", mode=0o711),
    )
    os.setxattr(place.path / "middle", "trusted.overlay.opaque", b"y")
    stack = stack_of([top, middle, below])
    assert place.names(stack) == {"a", "b"}
    # What is below says of the root what nobody above does.
    assert read_tree(place.keep(stack.view()))[b""].mode == 0o711


def test_the_root_is_that_of_the_topmost_layer_that_says_something(place: Place) -> None:
    silent = place.lower("silent", "a")
    says = place.lower("says", "b", mode=0o1700, mtime=1234)
    os.chown(place.path / "says", 5, 6)
    os.setxattr(place.path / "says", "user.note", b"n")
    os.utime(place.path / "says", (1234, 1234))
    other = place.lower("other", "c", mode=0o777)
    tree = read_tree(place.keep(stack_of([silent, says, other]).view()))
    root = tree[b""]
    assert (root.mode, root.uid, root.gid, root.mtime) == (0o1700, 5, 6, 1234 * 10**9)
    assert (b"user.note", b"n") in root.xattrs
    assert set(tree) == {b"", b"a", b"b", b"c"}


def test_changes_go_to_the_upper_directory_which_gets_the_root_once(place: Place) -> None:
    stack = stack_of([place.lower("one", "f"), place.lower("two", "g", mode=0o711, mtime=99)])
    for name in ("upper", "work"):
        (place.path / name).mkdir(mode=0o700)
    upper, work = place.open("upper"), place.open("work")
    mounted = stack.mount(upper, work)
    found = os.stat(".", dir_fd=mounted)
    assert (found.st_mode & 0o7777, found.st_mtime) == (0o711, 99)
    assert os.stat(place.path / "upper").st_mtime == 99
    os.unlink("g", dir_fd=mounted)
    os.chmod(f"/proc/self/fd/{mounted}", 0o750)
    os.close(mounted)
    again = place.keep(stack.mount(upper, work))
    assert os.stat(".", dir_fd=again).st_mode & 0o7777 == 0o750
    assert set(read_tree(again)) == {b"", b"f"}
    assert (place.path / "two" / "g").exists()


def test_a_view_does_not_take_changes(place: Place) -> None:
    view = place.keep(stack_of([place.lower("one", "f"), place.lower("two")]).view())
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir("d", dir_fd=view)


def test_layers_by_the_hundred(place: Place) -> None:
    lowers = [place.lower(f"{number}", f"f{number}", "last") for number in range(400)]
    view = place.keep(stack_of(lowers).view())
    with open(os.open("last", os.O_RDONLY, dir_fd=view)) as last:
        assert last.read() == "0"
    assert len(read_tree(view)) == 402
    for name in ("upper", "work"):
        (place.path / name).mkdir()
    place.keep(stack_of(lowers).mount(place.open("upper"), place.open("work")))


def test_more_layers_than_the_kernel_stacks(place: Place) -> None:
    lower = place.lower("one")
    with pytest.raises(TooManyLayers, match="has 500 layers, and the kernel stacks 499 at most"):
        stack_of([lower] * MOST_LOWERS)


def test_in_a_user_namespace(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(IN_NAMESPACE)
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, program, tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['d', 'kept'] ['f'] 0o711\n['d'] []\n", "")


IN_NAMESPACE = """
import os, sys
from pathlib import Path
from shale.snapshot.overlay import stack_of

place = Path(sys.argv[1])

def folder(name):
    (place / name).mkdir(exist_ok=True)
    return os.open(place / name, os.O_RDONLY)

def names(mount, below="."):
    return sorted(os.listdir(os.open(below, os.O_RDONLY, dir_fd=mount)))

folder("one"), folder("one/d"), folder("two"), folder("two/d")
for file in ("one/kept", "one/gone", "one/d/hidden", "two/d/f"):
    (place / file).touch()
os.mknod(place / "two/gone", 0o20000, 0)
os.setxattr(place / "two/d", "user.overlay.opaque", b"y")
(place / "one").chmod(0o711)
os.utime(place / "two", (0, 0))
(place / "two").chmod(0o755)
stack = stack_of([folder("two"), folder("one")], user=True)
view = stack.view()
print(names(view), names(view, "d"), oct(os.stat(".", dir_fd=view).st_mode & 0o7777))
mounted = stack.mount(folder("upper"), folder("work"))
os.unlink("kept", dir_fd=mounted)
os.unlink("d/f", dir_fd=mounted)
print(names(mounted), names(mounted, "d"))
"""
