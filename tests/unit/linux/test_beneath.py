from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shale.linux.beneath import change_mode, open_beneath, walk_beneath

Opener = Callable[[int, bytes, int, int], int]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    inside = tmp_path / "root"
    (inside / "etc" / "deep").mkdir(parents=True)
    (inside / "etc" / "name").write_bytes(b"inside")
    (inside / "abs").symlink_to("/etc")
    (inside / "up").symlink_to("../../../etc/name")
    (inside / "etc" / "deep" / "back").symlink_to("../../abs/deep/../name")
    (inside / "loop").symlink_to("loop2")
    (inside / "loop2").symlink_to("loop")
    (inside / "dangling").symlink_to("etc/none")
    (inside / "magic").symlink_to("/proc/self/root/etc/name")
    os.mkfifo(inside / "fifo")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "name").write_bytes(b"outside")
    handle = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    yield handle
    os.close(handle)


@pytest.fixture(params=[open_beneath, walk_beneath], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest) -> Opener:
    chosen: Opener = request.param
    return chosen


def content(handle: int) -> bytes:
    try:
        return os.read(handle, 100)
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "path",
    [
        b"etc/name",
        b"/etc/name",
        b"//etc/./name",
        b"../../etc/name",
        b"abs/name",
        b"up",
        b"etc/deep/back",
        b"etc/deep/../../../../abs/deep/back",
    ],
)
def test_a_path_leads_to_what_is_inside(root: int, opener: Opener, path: bytes) -> None:
    assert content(opener(root, path, os.O_RDONLY, 0)) == b"inside"


@pytest.mark.parametrize(
    ("path", "flags", "problem"),
    [
        (b"loop", os.O_RDONLY, errno.ELOOP),
        (b"loop/x", os.O_RDONLY, errno.ELOOP),
        (b"up", os.O_RDONLY | os.O_NOFOLLOW, errno.ELOOP),
        (b"none", os.O_RDONLY, errno.ENOENT),
        (b"dangling", os.O_RDONLY, errno.ENOENT),
        (b"magic", os.O_RDONLY, errno.ENOENT),
        (b"etc/name/x", os.O_RDONLY, errno.ENOTDIR),
        (b"etc/name/", os.O_RDONLY, errno.ENOTDIR),
        (b"etc/name", os.O_RDONLY | os.O_DIRECTORY, errno.ENOTDIR),
        (b"x" * 256, os.O_RDONLY, errno.ENAMETOOLONG),
        (b"etc/name", os.O_WRONLY | os.O_CREAT | os.O_EXCL, errno.EEXIST),
        (b"dangling", os.O_WRONLY | os.O_CREAT | os.O_EXCL, errno.EEXIST),
    ],
)
def test_what_cannot_be_opened(root: int, opener: Opener, path: bytes, flags: int, problem: int) -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=re.escape(os.strerror(problem))):
        opener(root, path, flags, 0o600)
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("path", [b"", b"/", b".", b"..", b"etc/../..", b"etc/.."])
def test_the_root_itself(root: int, opener: Opener, path: bytes) -> None:
    handle = opener(root, path, os.O_RDONLY | os.O_DIRECTORY, 0)
    assert os.path.samestat(os.fstat(handle), os.fstat(root))
    assert not os.get_inheritable(handle)
    os.close(handle)


def test_a_link_as_itself(root: int, opener: Opener) -> None:
    handle = opener(root, b"abs/deep/back", os.O_PATH | os.O_NOFOLLOW, 0)
    assert stat.S_ISLNK(os.fstat(handle).st_mode)
    os.close(handle)


@pytest.mark.parametrize(("path", "made"), [(b"abs/new", "etc/new"), (b"dangling", "etc/none"), (b"../n", "n")])
def test_a_new_file_is_made_inside(root: int, opener: Opener, path: bytes, made: str) -> None:
    handle = opener(root, path, os.O_WRONLY | os.O_CREAT, 0o640)
    os.close(handle)
    found = os.stat(made, dir_fd=root, follow_symlinks=False)
    assert stat.S_ISREG(found.st_mode)
    assert found.st_mode & 0o777 == 0o640


def test_links_of_proc_that_are_no_text_are_not_followed() -> None:
    proc = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(OSError, match="Too many levels"):
            open_beneath(proc, b"root/etc", os.O_PATH)
        # Read as a text it is `/`, the folder itself: `/etc` is not in it.
        with pytest.raises(FileNotFoundError):
            walk_beneath(proc, b"root/etc", os.O_PATH)
    finally:
        os.close(proc)


def test_a_nul_is_refused(root: int, opener: Opener) -> None:
    with pytest.raises(ValueError, match="NUL"):
        opener(root, b"etc\0/name", os.O_RDONLY, 0)


def test_the_mode_of_a_fifo_is_changed_without_opening_it(root: int) -> None:
    change_mode(root, b"fifo", 0o4751)
    assert stat.S_IMODE(os.stat("fifo", dir_fd=root).st_mode) == 0o4751


def test_the_mode_of_what_a_link_points_at_is_never_changed(root: int, tmp_path: Path) -> None:
    (tmp_path / "root" / "out").symlink_to(tmp_path / "etc" / "name")
    before = (tmp_path / "etc" / "name").stat().st_mode
    with pytest.raises(OSError, match="symbolic link"):
        change_mode(root, b"out", 0o777)
    assert (tmp_path / "etc" / "name").stat().st_mode == before
