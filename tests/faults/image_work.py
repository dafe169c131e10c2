"""Workloads on whole operations with images, through the library: what the faults interrupt.

Each run has a root of its own, and repositories named after it: so a registry that serves many runs can tell
them apart. What a workload says is a promise: `got DIGEST BYTES` (so much of a blob has come), `named DIGEST`,
`gone DIGEST`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from image_factory import build_image, keep
from shale.engine.archives import Archives as _Archives
from shale.engine.engine import Engine
from shale.engine.images import Images as _Images
from shale.engine.transfers import Transfers as _Transfers
from shale.events import Event, LayerProgress, LayerState
from shale.oci.digest import Digest
from shale.store.store import open_store
from store_images import noise

# The library loads these late; a workload forks often and should find them loaded.
_LOADED = (_Archives, _Images, _Transfers)

__all__ = [
    "NEW",
    "OLD",
    "engine_at",
    "load",
    "prepare",
    "prepare_load",
    "prepare_push",
    "prune",
    "pull",
    "push",
    "repository_of",
    "tag",
]

Say = Callable[[str], None]

OLD = build_image(layers=({"etc/base": b"base"}, {"app": noise("old", 30_000)}))
NEW = build_image(layers=({"etc/base": b"base"}, {"app": noise("new", 300_000)}, {"etc/new": b"new"}))


def repository_of(root: Path) -> str:
    """The repository of one run."""
    return f"run/{root.parent.name}"


def engine_at(root: Path) -> Engine:
    """An engine that nothing of this machine configures."""
    return Engine.open(root, {"HOME": str(root.parent)})


def prepare(root: Path, *_: object) -> None:
    """A store with the old image, named, and the new one, which has no name."""
    with open_store(root) as store:
        keep(store, OLD, "docker.io/library/work:old")
        keep(store, NEW)


def prepare_push(root: Path, host: str) -> None:
    """A store with the new image under the name to push."""
    with open_store(root) as store:
        keep(store, NEW, f"{host}/{repository_of(root)}:v1")


def prepare_load(root: Path, *_: object) -> None:
    """A store with the old image under the name that the archive gives to the new one."""
    with open_store(root) as store:
        keep(store, OLD, "docker.io/library/loaded:v1")


def _teller(say: Say) -> Callable[[Event], None]:
    def listen(event: Event) -> None:
        if isinstance(event, LayerProgress) and event.state is LayerState.DOWNLOADING:
            say(f"got {event.blob} {event.done}")

    return listen


def pull(root: Path, say: Say, host: str) -> None:
    """Pull the new image."""
    with engine_at(root) as engine:
        image = engine.images.pull(f"{host}/{repository_of(root)}:v1", listener=_teller(say))
        say(f"named {image.summary.target}")


def push(root: Path, say: Say, host: str) -> None:
    """Push the new image."""
    with engine_at(root) as engine:
        (pushed,) = engine.images.push(f"{host}/{repository_of(root)}:v1")
        say(f"pushed {pushed.digest}")


def tag(root: Path, say: Say) -> None:
    """Give the old image a name, take it away, and give it again."""
    with engine_at(root) as engine:
        for _ in range(2):
            engine.images.tag("work:old", "other:tag")
            say("tagged")
            engine.images.untag("other:tag")
            say("untagged")
        engine.images.tag("work:old", "other:tag")
        say("tagged")


def prune(root: Path, say: Say) -> None:
    """Prune: the new image, which has no name, goes; the old one stays."""
    with engine_at(root) as engine:
        engine.images.prune()
        say(f"gone {Digest.of(NEW.layers[1])}")


def load(root: Path, say: Say, archive: str) -> None:
    """Load the new image from an archive; the name moves to it."""
    with engine_at(root) as engine:
        engine.images.load(Path(archive))
        say("loaded")
