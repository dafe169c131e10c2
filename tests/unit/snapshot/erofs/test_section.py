from __future__ import annotations

import os
from pathlib import Path

import pytest

from shale.snapshot.erofs.section import open_section


def test_a_part_of_a_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"before" + b"inside" * 100 + b"after")
    file = os.open(tmp_path / "file", os.O_RDONLY)
    with open_section(file, 6, 600) as section:
        assert section.read() == b"inside" * 100
        assert section.read() == b""
        assert section.seek(-6, os.SEEK_END) == 594
        assert section.read(100) == b"inside"
        assert section.seek(2) == 2
        assert section.tell() == 2
        assert section.seek(4, os.SEEK_CUR) == 6
        assert section.read(3) == b"ins"
        section.seek(10_000)
        assert section.read() == b""
        with pytest.raises(OSError, match="Invalid argument"):
            section.seek(-1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)
