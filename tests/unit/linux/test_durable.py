from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shale.errors import ShaleError
from shale.linux.durable import (
    DiskFull,
    NoPermission,
    StorageFailure,
    disk_errors,
    make_folder,
    write_file,
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    handle = os.open(tmp_path, os.O_RDONLY)
    yield handle
    os.close(handle)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EFBIG, DiskFull),
        (errno.EACCES, NoPermission),
        (errno.EROFS, NoPermission),
        (errno.EIO, StorageFailure),
        (errno.EMFILE, StorageFailure),
    ],
)
def test_errors_of_the_disk_have_kinds(number: int, kind: type[ShaleError]) -> None:
    with pytest.raises(kind, match="writing it: ") as raised, disk_errors("writing it"):
        raise OSError(number, os.strerror(number))
    assert isinstance(raised.value.__cause__, OSError)


def test_other_errors_pass() -> None:
    with pytest.raises(FileNotFoundError), disk_errors("writing it"):
        raise FileNotFoundError(errno.ENOENT, "x")


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole(tmp_path: Path, folder: int, durable: bool) -> None:
    for content in (b"first", b"second"):
        write_file(folder, "name", content, mode=0o640, durable=durable)
        assert (tmp_path / "name").read_bytes() == content
    assert os.listdir(tmp_path) == ["name"]
    assert (tmp_path / "name").stat().st_mode & 0o777 == 0o640


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, folder: int) -> None:
    (tmp_path / "name").mkdir()
    with pytest.raises(IsADirectoryError):
        write_file(folder, "name", b"content")
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.parametrize("durable", [True, False])
def test_a_folder_is_made_or_opened(tmp_path: Path, folder: int, durable: bool) -> None:
    for _ in range(2):
        os.close(make_folder(folder, "below", durable=durable))
    assert (tmp_path / "below").stat().st_mode & 0o777 == 0o700


def test_a_link_is_no_folder(tmp_path: Path, folder: int) -> None:
    (tmp_path / "below").symlink_to("/etc")
    with pytest.raises(NotADirectoryError):
        make_folder(folder, "below")
