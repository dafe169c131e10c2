"""Workloads on the file systems of images: what the faults interrupt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faults.image_work import open_engine
from image_factory import build_image
from store_images import noise

__all__ = ["FILES", "IMAGE", "mount", "prune", "remount", "tree", "unmount", "unpack"]

Say = Callable[[str], None]

FILES = {"etc/base": b"base", "srv/large": noise("large", 200_000), "srv/added": b"added"}
IMAGE = build_image(
    layers=(
        {"etc/base": FILES["etc/base"], "etc/gone": b"gone"},
        {"etc/.wh.gone": b"", "srv/large": FILES["srv/large"]},
        {"srv/added": FILES["srv/added"]},
    )
)


def tree(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def mount(root: Path, say: Say, _: str) -> None:
    """Mount an image whose layers are blobs only; it stays mounted."""
    with open_engine(root) as engine:
        say(f"mounted {engine.images.mount_for_all('kept:v1')}")


def remount(root: Path, say: Say, template: str) -> None:
    """Mount and unmount it, again and again."""
    for _ in range(6):
        mount(root, say, template)
        unmount(root, say, template)


def unmount(root: Path, say: Say, _: str) -> None:
    with open_engine(root) as engine:
        say(f"unmounted {engine.images.umount('kept:v1')}")


def unpack(root: Path, say: Say, _: str) -> None:
    """Write it out beside the store."""
    with open_engine(root) as engine:
        say(f"unpacked {engine.images.unpack('kept:v1', root.parent / 'tree').folder}")


def prune(root: Path, say: Say, _: str) -> None:
    """Make its layers mountable, take its name away, and prune."""
    with open_engine(root) as engine:
        with engine.images.mount("kept:v1"):
            pass
        engine.images.untag("kept:v1")
        engine.images.prune()
        say("pruned")
