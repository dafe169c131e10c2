from __future__ import annotations

from pathlib import Path

import pytest

from shale.cli.running.cidfile import CidFile, CidFileExists
from shale.errors import Invalid


def test_it_gets_the_id(tmp_path: Path) -> None:
    with CidFile(str(tmp_path / "id")) as file:
        file.write("abc")
    assert (tmp_path / "id").read_text() == "abc"


def test_without_an_id_it_goes_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), CidFile(str(tmp_path / "id")):
        raise ValueError("x")
    assert not (tmp_path / "id").exists()


def test_none_is_wanted() -> None:
    with CidFile(None) as file:
        file.write("abc")


def test_it_must_be_new_and_have_a_place(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("old")
    with pytest.raises(CidFileExists, match="container ID file found"), CidFile(str(tmp_path / "id")):
        pass
    assert (tmp_path / "id").read_text() == "old"
    with pytest.raises(Invalid, match="no such file or directory"), CidFile(str(tmp_path / "no/id")):
        pass
