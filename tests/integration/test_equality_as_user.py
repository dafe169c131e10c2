"""The tree that an ordinary user mounts or unpacks of the test images, compared with the one that root mounts.

With ranges of ids nothing lacks but device nodes, which nobody may make there; without any privilege the files
are the user's own, and nothing else is different.
"""

from __future__ import annotations

import shlex
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import shale
from ordinary_user import NOBODY, OrdinaryUser, ordinary_user
from peers.images import Images
from peers.layout import LayoutImage
from shale.linux.mount import bind
from tree_facts import Fact, facts_of

IMAGES = ["busybox", "layers", "nginx"]
FIRST, COUNT = 300_000, 2_000_000_000
"""The user's range: one of the images has a group of that size."""
MANY = 10_000
"""Files of an image that is not unpacked with its owners, too: it takes long, and the others show them."""
WITHOUT_NAMESPACE = """
import os, pathlib, shale
with shale.Engine.open(environ=os.environ) as engine:
    (image,) = engine.images.list()
    assert engine.parts.snapshotting.verdict().name == "copying"
    for note in engine.images.unpack(str(image.target), pathlib.Path("own")).notes:
        print(note)
"""
SHALE = shlex.join([sys.executable, "-m", "shale"])


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest, images: Images) -> LayoutImage:
    found: LayoutImage = getattr(images, request.param)()
    return found


@pytest.fixture
def expected(image: LayoutImage, tmp_path: Path) -> dict[str, Fact]:
    """The tree as root mounts it, but for the devices."""
    with shale.Engine.open(tmp_path / "store", environ={"HOME": str(tmp_path)}) as engine:
        (loaded,) = engine.images.load(image.layout)
        with engine.images.mount(str(loaded.target)) as place:
            facts = facts_of(place)
    return {name: fact for name, fact in facts.items() if not is_device(fact)}


@pytest.fixture
def user(image: LayoutImage) -> Iterator[OrdinaryUser]:
    """A user who sees the image at /mnt."""
    with ordinary_user(f"nobody:{FIRST}:{COUNT}\n", lambda: bind(str(image.layout), "/mnt")) as user:
        yield user


def is_device(fact: Fact) -> bool:
    return fact.kind in {stat.S_IFCHR, stat.S_IFBLK}


def mapped_back(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """With the owners that files have inside the user's namespace."""
    return {
        name: replace(fact, owner=(inside(fact.owner[0]), inside(fact.owner[1])))
        for name, fact in facts.items()
    }


def inside(number: int) -> int:
    if number == NOBODY:
        return 0
    assert FIRST <= number < FIRST + COUNT
    return number - FIRST + 1


def owned(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """With everything the user's own, and no program that would run as its owner."""
    return {
        name: replace(
            fact, owner=(NOBODY, NOBODY), mode=fact.mode if fact.kind == stat.S_IFDIR else fact.mode & 0o1777
        )
        for name, fact in facts.items()
    }


def different(
    ours: Mapping[str, Fact], theirs: Mapping[str, Fact]
) -> dict[str, tuple[Fact | None, Fact | None]]:
    names = sorted({*ours, *theirs})
    return {name: (ours.get(name), theirs.get(name)) for name in names if ours.get(name) != theirs.get(name)}


def test_a_user_has_the_tree_of_root(expected: dict[str, Fact], user: OrdinaryUser) -> None:
    name = user.shale("load", "--quiet", "--input", "/mnt").stdout.decode().split()[-1]
    script = f"{SHALE} image mount {name} && cat"
    with user.started([sys.executable, "-m", "shale", "unshare", "sh", "-c", script]) as shell:
        assert shell.stdout is not None
        place = shell.stdout.readline().decode().strip()
        mounted = facts_of(Path(f"/proc/{shell.pid}/root{place}"))
        shell.communicate(timeout=60)
    assert different(mapped_back(mounted), expected) == {}
    if len(expected) < MANY:
        unpack = [sys.executable, "-m", "shale", "image", "unpack", name, "given"]
        assert user.shale("unshare", *unpack).returncode == 0
        assert different(mapped_back(facts_of(user.home / "given")), expected) == {}
    done = user.python(WITHOUT_NAMESPACE)
    assert done.returncode == 0, done.stderr
    assert different(facts_of(user.home / "own"), owned(expected)) == {}
