from __future__ import annotations

from pathlib import Path

from shale.engine.settings import settings_from
from shale.engine.surroundings import registries_of


def test_only_files_of_credentials_that_can_be_read_are_named(tmp_path: Path) -> None:
    docker = tmp_path / ".docker" / "config.json"
    docker.parent.mkdir()
    docker.write_text("{}", encoding="ascii")
    (tmp_path / "run").write_text("not a folder", encoding="ascii")
    environ = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert registries_of(settings_from(environ, user=1000)).credential_files == [docker]
