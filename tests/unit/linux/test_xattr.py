from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shale.linux.xattr import get_xattr, get_xattrs, list_xattrs, remove_xattr, set_xattr


@contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    handle = os.open(path, flags | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_PATH])
def test_attributes_of_a_descriptor(tmp_path: Path, flags: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with opened(file, flags) as handle:
        assert list_xattrs(handle) == []
        assert get_xattr(handle, b"user.none") is None
        set_xattr(handle, b"user.\xff", b"\0raw\n")
        set_xattr(handle, b"user.a", b"")
        set_xattr(handle, b"user.a", b"2")
        assert get_xattrs(handle) == {b"user.a": b"2", b"user.\xff": b"\0raw\n"}
        assert list_xattrs(handle) == [b"user.a", b"user.\xff"]
        remove_xattr(handle, b"user.a")
        remove_xattr(handle, b"user.a")
        assert list_xattrs(handle) == [b"user.\xff"]


def test_attributes_of_a_symbolic_link_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("file")
    with opened(tmp_path / "link", os.O_PATH) as link, opened(tmp_path, os.O_RDONLY) as folder:
        set_xattr(link, b"trusted.one", b"1")
        set_xattr(folder, b"trusted.two", b"2", b"link")
        assert get_xattrs(link) == get_xattrs(folder, b"link") == {b"trusted.one": b"1", b"trusted.two": b"2"}
        remove_xattr(folder, b"trusted.one", b"link")
        assert list_xattrs(link) == [b"trusted.two"]
        assert get_xattr(folder, b"trusted.two", b"link") == b"2"
        assert list_xattrs(folder, b"file") == []


def test_a_fifo_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with opened(tmp_path, os.O_RDONLY) as folder:
        set_xattr(folder, b"trusted.one", b"1", b"fifo")
        assert get_xattrs(folder, b"fifo") == {b"trusted.one": b"1"}


def test_a_file_system_without_attributes_has_none() -> None:
    with opened(Path("/proc"), os.O_RDONLY) as proc:
        assert list_xattrs(proc, b"version") == []
        assert get_xattr(proc, b"user.a", b"version") is None
        with pytest.raises(OSError, match="not supported"):
            set_xattr(proc, b"user.a", b"", b"version")
