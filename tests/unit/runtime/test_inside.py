"""Places in a container's root are found and made inside of it, whatever the image has there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shale.runtime.inside import InvalidPlace, Kind, spot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def folder(root: Path) -> Iterator[int]:
    descriptor = os.open(root, os.O_PATH)
    yield descriptor
    os.close(descriptor)


@pytest.fixture(autouse=True)
def canary(tmp_path: Path) -> Iterator[None]:
    outside = tmp_path / "outside"
    outside.mkdir()
    yield
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "root"]
    assert list(outside.iterdir()) == []


def test_what_is_there_is_found(root: Path, folder: int) -> None:
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_text("x")
    with spot(folder, b"/a/./b//file", Kind.FILE) as found:
        assert found.path == b"/a/b/file"
        assert found.made == ()
        assert os.fstat(found.descriptor).st_ino == (root / "a/b/file").stat().st_ino
    with spot(folder, b"", Kind.FOLDER) as found:
        assert found.path == b"/"


def test_what_is_missing_is_made_and_told(root: Path, folder: int) -> None:
    (root / "a").mkdir()
    os.utime(root / "a", (7, 7))
    before = os.umask(0o077)
    try:
        with spot(folder, b"a/b/c", Kind.FILE) as found:
            assert found.made == (b"/a/b", b"/a/b/c")
        with spot(folder, b"x", Kind.FOLDER) as found:
            assert found.made == (b"/x",)
    finally:
        os.umask(before)
    assert (root / "a/b").stat().st_mode & 0o777 == 0o755
    assert (root / "a/b/c").stat().st_mode & 0o777 == 0o644
    assert (root / "a").stat().st_mtime == 7


@pytest.mark.parametrize("target", ["../outside", "/../outside", "../../../../outside"])
@pytest.mark.parametrize("path", [b"link/new", b"link", b"sub/../link/new"])
def test_links_lead_nowhere_but_inside(root: Path, folder: int, target: str, path: bytes) -> None:
    (root / "sub").mkdir()
    (root / "link").symlink_to(target)
    with spot(folder, path, Kind.FOLDER) as found:
        assert found.path.startswith(b"/outside")
    assert (root / "outside").is_dir()


def test_a_link_to_nothing_is_made_where_it_points(root: Path, folder: int) -> None:
    (root / "etc").mkdir()
    (root / "etc/resolv.conf").symlink_to("../run/resolved/stub.conf")
    with spot(folder, b"/etc/resolv.conf", Kind.FILE) as found:
        assert found.path == b"/run/resolved/stub.conf"
    assert (root / "run/resolved/stub.conf").read_bytes() == b""


def test_dots_stop_at_the_root(root: Path, folder: int) -> None:
    with spot(folder, b"../../outside/x", Kind.FOLDER) as found:
        assert found.path == b"/outside/x"


@pytest.mark.parametrize("path", [b"/proc/self/fd/7", b"/dev/x", b"/sys", b"a/../proc", b"link"])
def test_folders_of_the_runtime_are_not_entered(root: Path, folder: int, path: bytes) -> None:
    (root / "link").symlink_to("/proc/self/cwd")
    with pytest.raises(InvalidPlace, match="the runtime mounts"), spot(folder, path, Kind.FOLDER):
        pass
    assert not (root / "proc").exists()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"file", Kind.FOLDER),
        (b"folder", Kind.FILE),
        (b"file/x", Kind.FILE),
        (b"file/..", Kind.FILE),
        (b"loop", Kind.FILE),
        (b"loop/x", Kind.FOLDER),
        (b"x" * 300, Kind.FILE),
        (b"x/" * 300, Kind.FOLDER),
        (b"a\0b", Kind.FILE),
    ],
)
def test_what_cannot_be_is_refused(root: Path, folder: int, path: bytes, kind: Kind) -> None:
    (root / "file").touch()
    (root / "folder").mkdir()
    (root / "loop").symlink_to("loop")
    with pytest.raises(InvalidPlace), spot(folder, path, kind):
        pass


def test_no_descriptor_is_left_open(folder: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with spot(folder, b"a/b/c", Kind.FILE):
        pass
    with pytest.raises(InvalidPlace), spot(folder, b"a/b/c/d", Kind.FILE):
        pass
    assert len(os.listdir("/proc/self/fd")) == before
