from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shale.errors import NotFound
from shale.oci.digest import DiffID
from shale.snapshot.form import LayerDamaged
from shale.snapshot.tree import TreeForm
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

SECOND = 10**9
TAR = archive(
    folder(b"d", 0o750),
    replace(file(b"d/f", b"content of a file", 0o640), mtime=5 * SECOND + 123),
    hardlink(b"d/g", b"d/f"),
    symlink(b"l", b"d/f"),
    Entry(b"p", b"6", mode=0o600),
    Entry(b"a", xattrs={b"user.note": b"n"}),
    Entry(b"s", content=b"abcd", sparse=[(3, 2), (60_000, 2)], size=100_000),
    whiteout(b"d/.wh.gone"),
    whiteout(b".wh.e"),
    folder(b"e"),
    file(b"implied/f"),
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def build(form: TreeForm, place: int, tar: bytes = TAR, name: str = "it") -> tuple[str, ...]:
    builder = form.builder(place, name)
    try:
        for at in range(0, len(tar), 700):
            builder.feed(memoryview(tar)[at : at + 700])
        return builder.finish().notes
    finally:
        builder.close()


@pytest.mark.parametrize("user", [False, True])
def test_a_tree_is_what_its_list_says(place: int, user: bool) -> None:
    form = TreeForm(user=user)
    build(form, place)
    form.verify(place, "it", DiffID.of(TAR))


def test_marks_are_those_of_user_namespaces(place: int, tmp_path: Path) -> None:
    build(TreeForm(user=True), place)
    root = tmp_path / "it" / "root"
    assert os.getxattr(root / "e", "user.overlay.opaque") == b"y"
    assert os.getxattr(root / "d", "user.overlay.origin") == b""
    with pytest.raises(OSError, match="No data"):
        os.getxattr(root / "e", "trusted.overlay.opaque")


def append(path: Path) -> None:
    times = path.stat()
    with path.open("ab") as stream:
        stream.write(b"x")
    os.utime(path, ns=(0, times.st_mtime_ns))


def overwrite(path: Path) -> None:
    times = path.stat()
    with path.open("r+b") as stream:
        stream.seek(3)
        stream.write(b"X")
    os.utime(path, ns=(0, times.st_mtime_ns))


def break_link(root: Path) -> None:
    (root / "d" / "copy").write_bytes((root / "d" / "f").read_bytes())
    (root / "d" / "copy").replace(root / "d" / "g")
    os.chmod(root / "d" / "g", 0o640)
    os.utime(root / "d" / "g", ns=(0, 5 * SECOND + 123))


def make_plain(path: Path) -> None:
    path.unlink()
    path.touch(0o600)
    os.utime(path, ns=(0, 0))


def retarget(root: Path) -> None:
    (root / "l").unlink()
    (root / "l").symlink_to("d/x")
    os.utime(root / "l", ns=(0, 0), follow_symlinks=False)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "file is missing": lambda root: (root / "d" / "f").unlink(),
    "folder is missing": lambda root: (root / "e").rmdir(),
    "file too many": lambda root: (root / "more").touch(),
    "longer": lambda root: append(root / "d" / "f"),
    "a bit is another": lambda root: overwrite(root / "d" / "f"),
    "a bit of a sparse file is another": lambda root: overwrite(root / "s"),
    "time": lambda root: os.utime(root / "d" / "f", ns=(0, 5 * SECOND)),
    "mode": lambda root: (root / "d").chmod(0o755),
    "owner": lambda root: os.chown(root / "d" / "f", 1, 0),
    "type": lambda root: make_plain(root / "p"),
    "no link any more": break_link,
    "target": retarget,
    "attribute": lambda root: os.setxattr(root / "a", "user.note", b"m"),
    "attribute is missing": lambda root: os.removexattr(root / "a", "user.note"),
    "opaque": lambda root: os.removexattr(root / "e", "trusted.overlay.opaque"),
    "opaque too": lambda root: os.setxattr(root / "d", "trusted.overlay.opaque", b"y"),
    "whiteout is missing": lambda root: (root / "d" / "gone").unlink(),
    "whiteout is none": lambda root: make_plain(root / "d" / "gone"),
    "list is missing": lambda root: (root.parent / "list").unlink(),
    "list is cut off": lambda root: os.truncate(root.parent / "list", 300),
    "list is damaged": lambda root: overwrite(root.parent / "list"),
    "list is empty": lambda root: os.truncate(root.parent / "list", 0),
    "all files are missing": lambda root: root.rename(root.parent / "elsewhere"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found(place: int, tmp_path: Path, what: str) -> None:
    form = TreeForm()
    build(form, place)
    root = tmp_path / "it" / "root"
    times = {path: path.stat().st_mtime_ns for path in (root, root / "d")}
    DAMAGE[what](root)
    for path, time in times.items():
        if path.exists():
            os.utime(path, ns=(0, time))
    with pytest.raises(LayerDamaged):
        form.verify(place, "it", DiffID.of(TAR))


def test_owners_that_are_not_kept_are_not_asked_for(place: int, tmp_path: Path) -> None:
    form = TreeForm(user=True, keep_owner=False)
    tar = archive(Entry(b"f", mode=0o4755, uid=1234, gid=5678), Entry(b"null", b"3", device=(1, 3), mode=0o666))
    notes = build(form, place, tar)
    assert any("null" in note for note in notes)
    assert os.listdir(tmp_path / "it" / "root") == ["f"]
    form.verify(place, "it", DiffID.of(tar))
    (tmp_path / "it" / "root" / "f").unlink()
    with pytest.raises(LayerDamaged):
        form.verify(place, "it", DiffID.of(tar))


def test_a_layer_has_its_name_only_when_it_is_whole(place: int, tmp_path: Path) -> None:
    form = TreeForm()
    builder = form.builder(place, "it")
    builder.feed(TAR)
    assert not (tmp_path / "it").exists()
    with pytest.raises(NotFound):
        form.open(place, "it")
    builder.finish()
    assert (tmp_path / "it" / "root" / "d" / "f").exists()
    builder.close()


def test_removing_what_is_deeper_than_a_path_can_say(place: int, tmp_path: Path) -> None:
    form = TreeForm()
    build(form, place, archive(file(b"/".join([b"deep" * 20] * 200) + b"/f")))
    form.verify(place, "it", DiffID.of(archive(file(b"/".join([b"deep" * 20] * 200) + b"/f"))))
    form.remove(place, "it")
    assert os.listdir(tmp_path) == []


def test_a_layer_is_made_durable(place: int) -> None:
    form = TreeForm()
    build(form, place)
    form.sync(place, "it")
