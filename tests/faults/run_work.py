"""Workloads on containers: what the faults interrupt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faults.image_work import copy, open_engine

__all__ = ["IMAGE", "prepare_removal", "remove", "run_and_keep", "run_and_remove", "start_again"]

Say = Callable[[str], None]

IMAGE = "busybox"
_SCRIPT = ("sh", "-c", "echo changed > /file; mkdir -p /a/b/c; sleep 0.1; echo done")


def run_and_keep(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine:
        result = engine.containers.run(IMAGE, *_SCRIPT, name="kept", remove=False)
        assert (result.exit_code, result.stdout) == (0, b"done\n")
        say("ran")


def run_and_remove(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine:
        result = engine.containers.run(IMAGE, *_SCRIPT, name="gone")
        assert (result.exit_code, result.stdout) == (0, b"done\n")
        say("ran")


def prepare_removal(root: Path, template: str) -> None:
    """A container that has run, and one that has not."""
    copy(root, template)
    run_and_keep(root, lambda _: None, template)
    with open_engine(root) as engine:
        engine.containers.create(IMAGE, "sleep", "600", name="made")


def start_again(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine, engine.containers.start("kept") as started:
        assert started.wait().exit_code == 0
        say("ran")


def remove(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine:
        for name in ("kept", "made"):
            engine.containers.remove(name)
            say(name)
