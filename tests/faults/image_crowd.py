"""What the processes do that use one store at the same time: one function for each role."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path

from faults.image_work import LARGE, open_engine
from shale.engine.engine import Engine
from shale.image.resolve import ImageNotFound
from shale.image.uses import UsedImage
from shale.store.check import check

__all__ = ["ROLES", "mount_once", "move", "play", "pull_once"]

Work = Callable[[Engine, str, random.Random], None]


def pull_once(root: Path, name: str, barrier: Barrier) -> None:
    barrier.wait()
    with open_engine(root) as engine:
        assert engine.images.pull(name).summary.target == LARGE.digest


def mount_once(root: Path, name: str, barrier: Barrier) -> None:
    """Mount an image whose layers nobody has made mountable yet, and tell when they were."""
    barrier.wait()
    with open_engine(root) as engine, engine.images.mount(name), engine.store.database.read() as tx:
        seen = sorted(layer.written for layer in engine.store.unpacked.all(tx))
    (root.parent / f"seen-{os.getpid()}").write_text(repr(seen), encoding="utf-8")


@contextmanager
def may_lack(*names: str) -> Iterator[None]:
    """Others remove these names: to be told that one is not there is an honest answer, nothing else is."""
    try:
        yield
    except ImageNotFound as error:
        if error.text not in names:
            raise


def pulling(engine: Engine, host: str, chance: random.Random) -> None:
    name = f"{host}/app:v{chance.randrange(4)}"
    with may_lack(name):  # it is looked at after it came, when somebody may have removed it already
        engine.images.pull(name)


def tagging(engine: Engine, host: str, chance: random.Random) -> None:
    source = f"{host}/app:v{chance.randrange(4)}"
    with may_lack(source):
        engine.images.tag(source, f"moving:{chance.randrange(3)}")


def removing(engine: Engine, host: str, chance: random.Random) -> None:
    name = chance.choice([f"{host}/app:v{chance.randrange(4)}", f"moving:{chance.randrange(3)}"])
    with may_lack(name), suppress(UsedImage):  # somebody has it mounted just now
        engine.images.remove(name)
    time.sleep(0.05)


def pruning(engine: Engine, _: str, chance: random.Random) -> None:
    engine.images.prune(dry_run=chance.random() < 0.3)
    time.sleep(0.01)


def looking(engine: Engine, host: str, chance: random.Random) -> None:
    for image in engine.images.list():
        assert image.platforms, "a part of an image was listed"
    for name in (f"{host}/app:v{chance.randrange(4)}", f"moving:{chance.randrange(3)}"):
        with may_lack(name):
            look(engine, name)
    look(engine, "kept:v1")


def look(engine: Engine, name: str) -> None:
    assert engine.images.inspect(name)["RootFS"]["Layers"]
    assert engine.images.get(name).layers
    assert engine.images.history(name)


def mounting(engine: Engine, host: str, chance: random.Random) -> None:
    name = chance.choice([f"{host}/app:v{chance.randrange(4)}", "kept:v1"])
    with may_lack(name), engine.images.mount(name) as place:
        image = engine.images.find("kept:v1") if name == "kept:v1" else None
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        assert size > 90_000
        assert image is None or size == image.size


def checking(engine: Engine, _: str, __: random.Random) -> None:
    assert check(engine.store).damage == ()
    time.sleep(0.1)


ROLES: dict[str, tuple[Work, int]] = {
    "pull": (pulling, 4), "tag": (tagging, 2), "remove": (removing, 1), "prune": (pruning, 2),
    "look": (looking, 2), "check": (checking, 1), "mount": (mounting, 4),
}  # fmt: skip


def play(root: Path, host: str, role: str, seed: int, until: float) -> None:
    chance = random.Random(seed)
    work = ROLES[role][0]
    rounds = 0
    with open_engine(root) as engine:
        while time.monotonic() < until or rounds < 2:
            work(engine, host, chance)
            rounds += 1
    (root.parent / f"{role}-{seed}").write_text(str(rounds), encoding="utf-8")


def move(root: Path, name: str, sources: list[str], times: int, barrier: Barrier) -> None:
    barrier.wait()
    with open_engine(root) as engine:
        for number in range(times):
            engine.images.tag(sources[number % len(sources)], name)
