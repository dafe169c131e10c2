"""The tree that shale mounts, that docker exports and that umoci unpacks, of every test image: the same.

Compared by path, type, mode, owner, size, content, times, extended attributes and hard links.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import shale
from peers.dockerd import DockerEngine
from peers.ground import Ground
from peers.images import Images
from peers.layout import LayoutImage
from peers.skopeo import Skopeo, Umoci
from peers.trees import LONG_NAME
from tree_facts import Fact, facts_of, facts_of_tar, seconds, without

IMAGES = ["busybox", "layers", "debian", "nginx", "python", "node"]

# What docker makes in the writable layer of a container, even of one that is never started, and the folders
# whose times change with that; its export has no entry for the root.
MADE = {".", ".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "proc", "sys"}
MADE_BELOW = "dev"
TOUCHED = {"etc"}

# Folders of the image `layers` whose time no layer tells, because they are not described, or changed by a
# whiteout after their entry: to others their time is that of the unpacking, to us none.
UNTOLD = [os.path.dirname(LONG_NAME)]

# Folders that later layers change without describing them: docker's overlay shows the time of the unpacking.
IMPLIED = ["srv/files/00", "srv/files/03"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[shale.Engine]:
    with shale.Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        yield engine


def as_shale_mounts(engine: shale.Engine, image: LayoutImage) -> dict[str, Fact]:
    (loaded,) = engine.images.load(image.layout)
    with engine.images.mount(str(loaded.id)) as place:
        return facts_of(place)


def differences(ours: dict[str, Fact], theirs: dict[str, Fact]) -> dict[str, tuple[Fact | None, Fact | None]]:
    """What is not the same, by path: ours and theirs."""
    names = sorted({*ours, *theirs})
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


@pytest.mark.parametrize("name", IMAGES)
def test_shale_mounts_what_umoci_unpacks(
    name: str, engine: shale.Engine, umoci: Umoci, images: Images, peer_ground: Ground
) -> None:
    image: LayoutImage = getattr(images, name)()
    bundle = peer_ground.fresh("bundle")
    begun = time.time_ns()
    umoci("raw", "unpack", "--image", f"{image.layout}:{image.tag}", str(bundle / "rootfs"))
    theirs = facts_of(bundle / "rootfs")
    untold = {name for name, fact in theirs.items() if fact.mtime >= begun}
    assert untold == {one for one in UNTOLD if name == "layers" for one in _and_above(one)}
    ours = as_shale_mounts(engine, image)
    assert differences(timeless(ours, untold), timeless(theirs, untold)) == {}


@pytest.mark.parametrize("name", IMAGES)
def test_shale_mounts_what_docker_exports(
    name: str, engine: shale.Engine, skopeo: Skopeo, dockerd: DockerEngine, images: Images, peer_ground: Ground
) -> None:
    image: LayoutImage = getattr(images, name)()
    folder = peer_ground.fresh("export")
    tag = f"localhost/equality/{name}:1"
    skopeo("copy", "--quiet", image.name, f"docker-archive:{folder / 'image'}:{tag}")
    dockerd("load", "--quiet", "--input", str(folder / "image"))
    container = dockerd("create", "--network", "none", tag, "true").stdout.strip()
    try:
        dockerd("export", "--output", str(folder / "export"), container)
    finally:
        dockerd("rm", container)
    untold = {name for one in (*UNTOLD, *IMPLIED) for name in _and_above(one)}
    theirs, ours = (
        # docker's export has times in seconds, and of the extended attributes only capabilities.
        without(seconds(timeless(comparable(facts), untold)), "xattrs")
        for facts in (facts_of_tar(folder / "export"), as_shale_mounts(engine, image))
    )
    assert differences(ours, theirs) == {}


def comparable(facts: dict[str, Fact]) -> dict[str, Fact]:
    """Without what docker makes for a container, and without the times that this changes."""
    kept = {
        name: fact for name, fact in facts.items() if name not in MADE and name.partition("/")[0] != MADE_BELOW
    }
    return timeless(kept, TOUCHED)


def timeless(facts: dict[str, Fact], names: Iterable[str]) -> dict[str, Fact]:
    """Without the times of some."""
    return {**facts, **without({name: facts[name] for name in names if name in facts}, "mtime")}


def _and_above(name: str) -> list[str]:
    """A path and those of the folders above it."""
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def test_how_a_layer_is_compressed_does_not_matter(engine: shale.Engine, images: Images) -> None:
    """Debian's docker, skopeo's docker-archive and umoci do not know zstd."""
    assert as_shale_mounts(engine, images.zstd()) == as_shale_mounts(engine, images.busybox())
