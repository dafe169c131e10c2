"""The README is true: every command in it is run, in order, and prints what stands there."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from peers import trees
from peers.ground import Ground
from shale.registry.server.service import RegistryServer
from transcript import blocks, exchanges, normalise

README = Path(__file__).resolve().parents[2] / "README.md"
SHOWN = "127.0.0.1:5000"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with RegistryServer(tmp_path / "registry") as server:
        yield server.address


def test_every_command_prints_what_the_readme_shows(
    registry: str, tmp_path: Path, peer_ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = README.read_text(encoding="utf-8")
    trees.busybox(tmp_path / "busybox.tar", peer_ground.env)
    scripts = str(Path(sys.executable).parent)
    store = str(tmp_path / "store")
    env = {"PATH": f"{scripts}:{os.environ['PATH']}", "HOME": str(tmp_path), "SHALE_ROOT": store}
    commands = 0
    for block in blocks(text, "console"):
        for step in exchanges(block, r"\$ "):
            command = step.command.replace(SHOWN, registry)
            shell = ["sh", "-c", f"{command} 2>&1"]
            done = subprocess.run(shell, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert seen(done.stdout.splitlines()) == seen(step.answer), command
            commands += 1
    assert commands > 15
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHALE_ROOT", store)
    (program,) = blocks(text, "python")
    (answer,) = blocks(text, "text")
    with redirect_stdout(io.StringIO()) as output:
        exec(compile(program.replace(SHOWN, registry), "README.md", "exec"), {})
    assert seen(output.getvalue().splitlines()) == seen(answer.splitlines())


def seen(lines: list[str] | tuple[str, ...]) -> list[str]:
    """Lines without what differs between two runs, here also counts of bytes and the layers' order in time."""
    return [re.sub(r"\b\d{6,}\b", "COUNT", line) for line in normalise(lines)]
