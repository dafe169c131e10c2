"""Who is in the user namespace of a store, and who joins whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import shale
from shale.linux.boot import current_process

ENTER = """
import os, sys
from pathlib import Path
from shale.engine.usernamespace import enter_namespace_of
entered = enter_namespace_of(Path(sys.argv[1]), {"PATH": ""})
print(os.stat("/proc/self/ns/user").st_ino, entered.joined, flush=True)
sys.stdin.read()
"""


class Member:
    """A process that has entered, until it is let go."""

    def __init__(self, root: Path) -> None:
        # Root makes a namespace for itself as well as anybody; no program of the system is asked for ids.
        self.process = subprocess.Popen(
            [sys.executable, "-c", ENTER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.namespace, _, joined = self.process.stdout.readline().strip().partition(" ")
        self.joined = joined == "True"

    def end(self) -> None:
        if self.process.returncode is None:
            self.process.communicate()


def members(root: Path) -> Sequence[int]:
    return [pid for _, _, pid, _ in json.loads((root / "namespace.json").read_bytes())]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def enter(root: Path) -> Iterator[Callable[[], Member]]:
    begun: list[Member] = []

    def enter() -> Member:
        begun.append(Member(root))
        return begun[-1]

    yield enter
    for member in begun:
        member.end()


def test_the_second_joins_the_first_and_the_third_whoever_lives(
    root: Path, enter: Callable[[], Member]
) -> None:
    first = enter()
    second = enter()
    assert (first.joined, second.joined) == (False, True)
    assert members(root) == [first.process.pid, second.process.pid]
    first.end()
    third = enter()
    assert first.namespace == second.namespace == third.namespace
    assert members(root) == [second.process.pid, third.process.pid]
    second.end()
    third.end()
    alone = enter()
    assert not alone.joined
    assert members(root) == [alone.process.pid]


@pytest.mark.parametrize(
    "content", [b"", b"[[", b"{}", b'[["boot", 1, "x", 2]]', b'[["boot", 1, 2, 3]]', b"\xff"]
)
def test_a_file_of_nonsense_is_an_empty_one(root: Path, enter: Callable[[], Member], content: bytes) -> None:
    root.mkdir()
    (root / "namespace.json").write_bytes(content)
    member = enter()
    assert not member.joined
    assert members(root) == [member.process.pid]


def test_a_process_that_is_somewhere_else_is_not_joined(root: Path, enter: Callable[[], Member]) -> None:
    root.mkdir()
    here = current_process()
    (root / "namespace.json").write_text(json.dumps([[here.boot, here.namespace, here.pid, here.started]]))
    member = enter()
    assert not member.joined


def test_root_needs_none() -> None:
    before = os.stat("/proc/self/ns/user").st_ino
    assert shale.unshare() == ""
    assert os.stat("/proc/self/ns/user").st_ino == before
