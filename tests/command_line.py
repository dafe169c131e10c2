"""The command line in this process: quick enough for hundreds of tests, with a store and a home of its own."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shale.cli.main import run

__all__ = ["Result", "Shale", "Terminal", "shale"]

_UNSET = (
    "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "NO_COLOR",
    "DOCKER_DEFAULT_PLATFORM", "SHALE_DEFAULT_PLATFORM", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy",
    "https_proxy", "ALL_PROXY", "all_proxy", "_SHALE_COMPLETE",
)  # fmt: skip


class Result(NamedTuple):
    """What one command did."""

    code: int
    out: str
    err: str


class Terminal(io.StringIO):
    """Standard output as a terminal has it."""

    def isatty(self) -> bool:
        return True


class Shale:
    """Runs commands on one store."""

    def __init__(
        self, root: Path, home: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.root = root
        self.home = home
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command whatever comes of it."""
        self._capture.readouterr()
        with self._patch.context() as patch:
            if stdin is not None:
                patch.setattr(sys, "stdin", io.StringIO(stdin))
            code = run(["--root", str(self.root), *arguments])
        out, err = self._capture.readouterr()
        return Result(code, out, err)

    def ok(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command that must succeed; returns what it printed."""
        result = self(*arguments, stdin=stdin)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    def fails(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command that must fail with code 1; returns what it complained of."""
        result = self(*arguments, stdin=stdin)
        assert result.code == 1, result
        return result.err

    def on_terminal(self, *arguments: str) -> str:
        """What a person sees who runs a command on a terminal."""
        terminal = Terminal()
        with self._patch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setenv("TERM", "xterm")
            code = run(["--root", str(self.root), *arguments])
        assert code == 0
        return terminal.getvalue()

    def printed(self) -> str:
        """What was printed by a command that ended the process."""
        return self._capture.readouterr().out

    def json_lines(self, *arguments: str) -> list[Mapping[str, Any]]:
        """The output of a command that prints an object a line."""
        return [json.loads(line) for line in self.ok(*arguments).splitlines()]


@pytest.fixture
def shale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shale]:
    """The command line with an empty store, an empty home, in UTC."""
    home = tmp_path / "home"
    home.mkdir()
    for name in _UNSET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(home / "registries.conf"))
    (home / "registries.conf").write_text("")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Shale(tmp_path / "store", home, capsys, monkeypatch)
    monkeypatch.undo()
    time.tzset()
