"""A whole pull as a workload, of images that `faults.served_image` serves.

What it says is a promise: `named DIGEST`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faults.image_work import open_engine
from image_factory import build_image
from store_images import noise

__all__ = ["NEW", "OLD", "pull", "pull_and_settle", "repository_of"]

OLD = build_image(layers=({"etc/base": b"base"}, {"app": noise("old", 30_000)}))
NEW = build_image(layers=({"etc/base": b"base"}, {"app": noise("new", 300_000)}, {"etc/new": b"new"}))


def repository_of(root: Path) -> str:
    """The repository of one run, so that a registry that serves many can tell them apart."""
    return f"run/{root.parent.name}"


def pull(root: Path, say: Callable[[str], None], host: str) -> None:
    """Pull the image that the registry serves."""
    with open_engine(root) as engine:
        image = engine.images.pull(f"{host}/{repository_of(root)}:v1")
        say(f"named {image.summary.target}")


def pull_and_settle(root: Path, say: Callable[[str], None], host: str) -> None:
    """Pull it, and use it when its mountable layers are old enough to be made durable."""
    pull(root, say, host)
    with open_engine(root) as engine:
        with engine.store.database.write() as tx:
            tx.run("UPDATE unpacked SET written = written - 120")
        with engine.images.mount(f"{host}/{repository_of(root)}:v1"):
            pass
        say("settled")
