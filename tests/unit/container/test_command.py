from __future__ import annotations

import os
from pathlib import Path

import pytest

from shale.container.command import check_command
from shale.container.failures import CommandDenied, CommandNotFound
from shale.container.spec import ContainerSpec


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("bin", "opt/tools", "etc/folder"):
        (tmp_path / folder).mkdir(parents=True)
    for file, mode in (
        ("bin/run", 0o755),
        ("opt/tools/plain", 0o644),
        ("bin/plain", 0o755),
        ("etc/text", 0o600),
    ):
        (tmp_path / file).touch()
        (tmp_path / file).chmod(mode)
    (tmp_path / "bin/link").symlink_to("/bin/run")
    (tmp_path / "bin/away").symlink_to("../../../../../../../../bin/sh")
    return tmp_path


def check(root: Path, word: str, *, path: str = "/opt/tools:/bin", folder: str = "") -> None:
    spec = ContainerSpec({"Cmd": [word, "argument"], "Env": [f"PATH={path}", "A=b"], "WorkingDir": folder})
    descriptor = os.open(root, os.O_PATH)
    try:
        check_command(descriptor, spec)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("word", ["run", "/bin/run", "link", "plain", "//bin/../bin/run"])
def test_what_is_there_can_be_run(root: Path, word: str) -> None:
    check(root, word)


def test_words_with_a_slash_begin_in_the_working_directory(root: Path) -> None:
    check(root, "./run", folder="/bin")
    check(root, "bin/run")
    check(root, "run", path="bin")
    with pytest.raises(CommandNotFound, match=r'exec: "./run": stat /./run: no such file or directory'):
        check(root, "./run")


@pytest.mark.parametrize(
    ("word", "kind", "said"),
    [
        ("nothing", CommandNotFound, r'exec: "nothing": executable file not found in \$PATH'),
        ("text", CommandNotFound, r"not found in \$PATH"),
        ("folder", CommandNotFound, r"not found in \$PATH"),
        ("/nothing", CommandNotFound, 'exec: "/nothing": stat /nothing: no such file or directory'),
        ("/etc/text/x", CommandNotFound, "not a directory"),
        ("/etc/text", CommandDenied, 'exec: "/etc/text": permission denied'),
        ("/etc/folder", CommandDenied, 'exec: "/etc/folder": is a directory'),
        ("away", CommandNotFound, r"not found in \$PATH"),
    ],
)
def test_what_is_not_there_or_cannot_be_run(root: Path, word: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        check(root, word, path="/etc:/bin" if word in ("text", "folder") else "/opt/tools:/bin")


def test_what_is_there_and_no_program_counts_for_nothing_on_the_path(root: Path) -> None:
    check(root, "plain", path="/opt/tools:/bin")
    with pytest.raises(CommandNotFound):
        check(root, "plain", path="/opt/tools")


def test_what_the_runtime_mounts_is_left_to_it(root: Path) -> None:
    check(root, "/proc/self/exe")
    check(root, "anything", path="/dev/shm:/bin")


def test_an_empty_path_is_the_working_directory(root: Path) -> None:
    (root / "here").touch(mode=0o755)
    check(root, "here", path="")
