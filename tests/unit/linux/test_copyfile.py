from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from shale.linux.copyfile import copy_bytes

MEGABYTE = 1 << 20


def copied(source: Path, target: Path) -> bool:
    old, new = os.open(source, os.O_RDONLY), os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        return copy_bytes(old, new)
    finally:
        os.close(old)
        os.close(new)


@pytest.mark.parametrize("size", [0, 1, 4096, 3 * MEGABYTE + 5])
def test_bytes_are_the_same(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "f").write_bytes(content)
    copied(tmp_path / "f", tmp_path / "g")
    assert (tmp_path / "g").read_bytes() == content


def test_holes_stay_holes(tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as stream:
        stream.seek(5 * MEGABYTE)
        stream.write(b"in the middle")
        stream.truncate(64 * MEGABYTE)
    copied(tmp_path / "f", tmp_path / "g")
    found = (tmp_path / "g").stat()
    assert found.st_size == 64 * MEGABYTE
    assert found.st_blocks * 512 < 2 * MEGABYTE
    with (tmp_path / "g").open("rb") as stream:
        stream.seek(5 * MEGABYTE)
        assert stream.read(20) == b"in the middle" + bytes(7)


def test_to_another_file_system(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content" * 1000)
    target = Path("/dev/shm", f"shale-{os.getpid()}-{tmp_path.name}")
    try:
        assert copied(tmp_path / "f", target) is False
        assert target.read_bytes() == b"content" * 1000
    finally:
        target.unlink()


def test_a_file_of_proc_that_says_it_is_empty(tmp_path: Path) -> None:
    # Nothing is read beyond what a file says that it has.
    copied(Path("/proc/self/status"), tmp_path / "g")
    assert (tmp_path / "g").read_bytes() == b""


def test_a_disk_that_fails_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    old, new = os.open(tmp_path / "f", os.O_RDONLY), os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            copy_bytes(old, new)
        assert caught.value.errno == errno.ENOSPC
    finally:
        os.close(old)
        os.close(new)


def test_shared_where_the_file_system_can(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"content")
    old, new = os.open(tmp_path / "f", os.O_RDONLY), os.open(tmp_path / "probe", os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.ioctl(new, 0x40049409, old)
        can = True
    except OSError:
        can = False
    finally:
        os.close(old)
        os.close(new)
    assert copied(tmp_path / "f", tmp_path / "g") is can
