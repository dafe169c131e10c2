"""Help, mistakes, exit codes, and completion: what a person meets first."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Shale
from image_factory import add_image, build_image
from shale.cli.main import run
from shale.cli.tree import GROUPS, TOP
from shale.errors import NotFound
from shared_vectors import VECTORS

ORIGIN = VECTORS.parent / "origin" / "container-images.md"
PATHS = [(name,) for name in TOP] + [
    (group, name) for group, (_, members) in GROUPS.items() for name in members
]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_is_there_and_has_help(shale: Shale, path: tuple[str, ...]) -> None:
    text = shale.ok(*path, "--help")
    assert text.startswith(f"Usage:  shale {' '.join(path)}")
    assert all(len(line) <= 160 for line in text.splitlines())


def origin_help(command: str) -> list[str]:
    """The help that the origin document shows for a command, with our name in it."""
    text = ORIGIN.read_text().replace("docker ", "shale ")
    found = re.search(rf"% shale {command} --help\n\n(.*?)\n(?:edwardhe@|```)", text, re.DOTALL)
    assert found is not None
    return [line for line in found[1].splitlines() if line.strip()]


@pytest.mark.parametrize("command", ["image tag", "image history", "image inspect"])
def test_help_has_every_line_of_the_origin(shale: Shale, command: str) -> None:
    shown = [re.sub(" +", " ", line) for line in shale.ok(*command.split(), "--help").splitlines()]
    for line in origin_help(command):
        assert re.sub(" +", " ", line) in shown


def test_an_unknown_flag_is_125_and_a_wrong_count_is_1(shale: Shale) -> None:
    result = shale("image", "ls", "--digest")
    assert (result.code, result.out) == (125, "")
    assert result.err.startswith("shale: unknown flag: --digest; did you mean --digests")
    assert shale("image", "ls", "-Z").err.startswith("shale: unknown shorthand flag: -Z")
    assert shale.fails("tag", "one").startswith("shale: 'shale tag' requires 2 arguments\n")
    assert "'shale rmi' requires at least 1 argument" in shale.fails("rmi")
    assert "unknown command: shale imag\n\nDid you mean image?" in shale.fails("imag")


def test_a_command_that_is_interrupted_is_130(
    shale: Shale, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupting:
        def readline(self) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupting())
    assert run(["--root", str(shale.root), "image", "prune"]) == 130
    assert capsys.readouterr().err.endswith("\nshale: stopped; what came so far is kept\n")


def test_debug_shows_where_an_error_comes_from(shale: Shale) -> None:
    for command in (("inspect", "nope"), ("history", "nope"), ("rmi", "nope")):
        with pytest.raises(NotFound, match=r"no such (image|object): nope"):
            shale("--debug", *command)


def test_errors_from_outside_cannot_steer_a_terminal(shale: Shale) -> None:
    assert "\x1b" not in shale.fails("inspect", "a\x1b[2Jb")


def complete(shale: Shale, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What our program answers to bash."""
    monkeypatch.setenv("_SHALE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("SHALE_ROOT", str(shale.root))
    with pytest.raises(SystemExit) as done:
        shale("completion")
    assert done.value.code == 0
    return [answer.partition(",")[2] for answer in shale.printed().split()]


def test_completion_knows_commands_flags_and_images(shale: Shale, monkeypatch: pytest.MonkeyPatch) -> None:
    add_image(shale.root, build_image(), "docker.io/library/nginx:latest", "localhost:5000/app:v1")
    assert complete(shale, "shale im", monkeypatch) == ["image", "images", "import"]
    assert complete(shale, "shale image r", monkeypatch) == ["reflog", "restore", "rm"]
    assert complete(shale, "shale history --no-", monkeypatch) == ["--no-human", "--no-trunc"]
    assert complete(shale, "shale history ng", monkeypatch) == ["nginx:latest"]
    assert complete(shale, "shale image rm nginx:latest localhost:5000/app:", monkeypatch) == [
        "localhost:5000/app:v1"
    ]


def test_completion_of_a_store_that_is_not_there_makes_none(
    shale: Shale, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete(shale, "shale history ng", monkeypatch) == []
    assert not shale.root.exists()


def test_the_script_for_bash_completes_names_with_colons(shale: Shale, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    add_image(shale.root, build_image(), "localhost:5000/app:v1", "localhost:5000/app:v2")
    program = tmp_path / "bin" / "shale"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m shale "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(shale.ok("completion", "bash"))
    typed = "shale history localhost:5000/app:"
    test = (
        f'source {tmp_path}/script; COMP_LINE="{typed}"; COMP_POINT=${{#COMP_LINE}}; '
        '_shale_completion; echo "${COMPREPLY[*]}"'
    )
    environment = {
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "SHALE_ROOT": str(shale.root),
        "HOME": str(shale.home),
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run(
        [bash, "-c", test], capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert (done.stdout, done.stderr) == ("v1 v2\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_scripts_ask_our_program(shale: Shale, shell: str) -> None:
    assert f"_SHALE_COMPLETE={shell}_complete" in shale.ok("completion", shell)
