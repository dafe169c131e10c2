"""Workloads on the files of a container that does not run: what the faults interrupt."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from archive_files import layer_tar
from faults.image_work import open_engine
from shale.engine.engine import Engine
from still_containers import StillContainers

__all__ = ["NAME", "commit", "copy_in", "copy_out", "copy_store", "make_store", "tree_of"]

Say = Callable[[str], None]

NAME = "box"
FILES = 12


def make_store(folder: Path) -> Path:
    """A store with an image and a container that changed some files; its layers are mountable already."""
    root = folder / "template"
    with open_engine(root) as engine:
        engine.images.import_rootfs(
            io.BytesIO(layer_tar({"etc/kept": b"kept", "etc/gone": b"gone", "srv/old": b"o" * 5000})), "base:1"
        )
        still = StillContainers(engine)
        record = still.make("base:1", NAME, {"Cmd": ["sh"]})
        with still.tree(record) as tree:
            change(tree)
    return root


def change(tree: Path) -> None:
    (tree / "etc/gone").unlink()
    (tree / "new").mkdir()
    for number in range(FILES):
        (tree / f"new/{number}").write_bytes(bytes([number]) * 3000)
    os.chown(tree / "etc/kept", 1, 1)


def copy_store(root: Path, template: str, *_: object) -> None:
    """Begin with a copy of a store that was made once, whiteouts and attributes included."""
    subprocess.run(["cp", "-a", template, str(root)], check=True)


def commit(root: Path, say: Say, *_: object) -> None:
    with open_engine(root) as engine:
        made = engine.containers.commit(NAME, "made:1")
        say(f"made {made.id}")


def copy_in(root: Path, say: Say, template: str, source: str) -> None:
    with open_engine(root) as engine:
        engine.containers.copy_to(NAME, source, "/")
        say("copied")


def copy_out(root: Path, say: Say, *_: object) -> None:
    target = root.parent / "target"
    target.mkdir(exist_ok=True)
    (target / "kept").write_bytes(b"older")
    with open_engine(root) as engine:
        engine.containers.copy_from(NAME, "/etc/.", target)
        engine.containers.copy_from(NAME, "/new", target)
        say("copied")


def tree_of(engine: Engine, name: str) -> dict[str, bytes]:
    """The files that a container sees, by path."""
    still = StillContainers(engine)
    with still.tree(still.rows.find(name)) as tree:
        return {
            str(path.relative_to(tree)): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()
        }
