"""From a registry to ready to run, and what containers of an image cost, beside docker, podman and containerd.

docker's and containerd's processor time is that of their commands alone: their daemons do the work elsewhere,
so only seconds compare. Daemons are started before, and stopped after, what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from bench.contest import Aim, Contestant, Row
from bench.corpus import before_and_after, half_gigabyte, small_image
from bench.cost import Cost, measure
from bench.stage import Stage
from peers.containerd import Containerd, serve_containerd
from peers.dockerd import serve_dockerd
from peers.layout import LayoutImage
from peers.podman import private_podman
from peers.process import run, tool
from peers.registry import serve_registry
from peers.skopeo import Skopeo

DOCKER, PODMAN, CTR, SHALE, TREES = "docker", "podman", "ctr", "shale", "shale, as trees"

_TREES: Final = 3.5
"""How many times faster than docker and podman a pull is to be that makes trees of layers."""

Find = Callable[[Stage], LayoutImage]


def _ctr_command(containerd: Containerd) -> list[str]:
    return [tool("ctr", "containerd"), "--address", str(containerd.socket)]


def _docker_pulls(stage: Stage, name: str) -> Cost:
    with stage.own_ground() as ground, serve_dockerd(ground) as docker:
        return measure(
            [tool("docker", "docker.io"), "--host", f"unix://{docker.socket}", "pull", name],
            stage.env,
            stage.log,
        )


def _podman_pulls(stage: Stage, name: str) -> Cost:
    with stage.own_ground() as ground, private_podman(ground) as podman:
        return measure([tool("podman", "podman"), *podman.store, "pull", name], podman.env, stage.log)


def _ctr_pulls(stage: Stage, name: str) -> Cost:
    with stage.own_ground() as ground, serve_containerd(ground) as containerd:
        pull = ["image", "pull", "--plain-http", name]
        return measure([*_ctr_command(containerd), *pull], stage.env, stage.log)


def _shale_pulls(stage: Stage, name: str) -> Cost:
    with stage.disks.fresh() as disk:
        return measure(stage.shale("--root", f"{disk}/root", "pull", name), stage.env, stage.log)


def _shale_pulls_trees(stage: Stage, name: str) -> Cost:
    with stage.disks.fresh() as disk:
        return measure(stage.program("tree_pull.py", f"{disk}/root", name), stage.env, stage.log)


@contextmanager
def _readying(stage: Stage, find: Find) -> Iterator[Sequence[Contestant]]:
    with _served(stage, find(stage)) as name:
        yield (
            Contestant(DOCKER, partial(_docker_pulls, stage, name)),
            Contestant(PODMAN, partial(_podman_pulls, stage, name)),
            Contestant(CTR, partial(_ctr_pulls, stage, name)),
            Contestant(SHALE, partial(_shale_pulls, stage, name)),
            Contestant(TREES, partial(_shale_pulls_trees, stage, name)),
        )


@dataclass(frozen=True, slots=True)
class Engine:
    """One of the three on a disk of its own.

    Attributes:
        command: how to call it.
        env: the environment to call it in.
        folder: on its disk, for what it is to write.
        image: the name of an image that it has; empty where it has none.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    image: str = ""

    def prepare(self, *arguments: str) -> None:
        """Run a command that is not measured."""
        run([*self.command, *arguments], env=self.env, timeout=600)

    def measured(self, stage: Stage, *arguments: str) -> Cost:
        """What a command costs."""
        return measure([*self.command, *arguments], self.env, stage.log)


@contextmanager
def _served(stage: Stage, image: LayoutImage) -> Iterator[str]:
    """The name of an image in a registry of its own."""
    with stage.own_ground() as ground, serve_registry(ground) as registry:
        name = f"{registry.host}/bench/image:latest"
        Skopeo(ground).copy(image.name, f"docker://{name}")
        yield name


@contextmanager
def _stocked(stage: Stage, image: LayoutImage, engine: Engine) -> Iterator[Engine]:
    with _served(stage, image) as name:
        engine.prepare("pull", "--quiet", name)
    yield replace(engine, image=name)


@contextmanager
def _docker(stage: Stage) -> Iterator[Engine]:
    with stage.own_ground() as ground, serve_dockerd(ground) as docker:
        command = [tool("docker", "docker.io"), "--host", f"unix://{docker.socket}"]
        yield Engine(command, stage.env, ground.folder)


@contextmanager
def _podman(stage: Stage) -> Iterator[Engine]:
    with stage.own_ground() as ground, private_podman(ground) as podman:
        yield Engine([tool("podman", "podman"), *podman.store], podman.env, ground.folder)


@contextmanager
def _shale(stage: Stage) -> Iterator[Engine]:
    with stage.disks.fresh() as disk:
        yield Engine(stage.shale("--root", f"{disk}/root"), stage.env, disk)


Open = Callable[[Stage], AbstractContextManager[Engine]]

ENGINES: Mapping[str, Open] = {DOCKER: _docker, PODMAN: _podman, SHALE: _shale}
"""Each of them empty, on a fresh disk."""


@contextmanager
def _running(stage: Stage) -> Iterator[Sequence[Contestant]]:
    with ExitStack() as stack:
        engines = {
            name: stack.enter_context(
                _stocked(stage, stage.images.busybox(), stack.enter_context(open_engine(stage)))
            )
            for name, open_engine in ENGINES.items()
        }
        yield [
            Contestant(
                name, partial(engine.measured, stage, "run", "--rm", "--network", "host", engine.image, "true")
            )
            for name, engine in engines.items()
        ]


def _touch(engine: Engine) -> None:
    """A container `changed` in which all 50,000 files were written again."""
    script = "find /srv -type f -exec touch {} +"
    engine.prepare("run", "--name", "changed", "--network", "host", engine.image, "sh", "-c", script)


def _nothing(engine: Engine) -> None:
    """Nothing to prepare."""


@contextmanager
def _once_each(
    stage: Stage, prepare: Callable[[Engine], None], command: Callable[[Engine], list[str]]
) -> Iterator[Sequence[Contestant]]:
    """Contestants who do something that can be done once: everything is prepared anew before each."""
    image = small_image(stage)

    def once(open_engine: Open) -> Cost:
        with open_engine(stage) as empty, _stocked(stage, image, empty) as engine:
            prepare(engine)
            return engine.measured(stage, *command(engine))

    yield [Contestant(name, partial(once, open_engine)) for name, open_engine in ENGINES.items()]


@contextmanager
def _pulling_again(stage: Stage) -> Iterator[Sequence[Contestant]]:
    """Contestants who have an image of 200 MB, and pull it again after one file of it was changed."""
    before, after = before_and_after(stage)
    with stage.own_ground() as ground, serve_registry(ground) as registry:
        name = f"{registry.host}/bench/image:latest"
        skopeo = Skopeo(ground)

        def once(open_engine: Open) -> Cost:
            with open_engine(stage) as engine:
                skopeo.copy(before.name, f"docker://{name}")
                engine.prepare("pull", "--quiet", name)
                skopeo.copy(after.name, f"docker://{name}")
                return engine.measured(stage, "pull", name)

        yield [Contestant(engine, partial(once, open_engine)) for engine, open_engine in ENGINES.items()]


_START = "nearly all that is shale's own is the start of the interpreter and its imports"
_INDEXING = (
    "Python takes 0.1 s to start and import; many files wait for the thread that writes and indexes in Python"
)
_CREATING = "files are created under the interpreter's lock, one system call after the other"


def _rows() -> Iterator[Row]:
    pulls: tuple[tuple[str, str, Find, float], ...] = (
        ("nginx", "Debian with nginx, three layers", lambda stage: stage.images.nginx(), 5),
        ("python", "Debian with python3, two layers", lambda stage: stage.images.python(), 4.5),
        ("small", "50,000 small files", small_image, 8),
        ("large", "half a gigabyte in sixteen files", half_gigabyte, 3.5),
    )
    for name, what, find, times in pulls:
        aims = [
            Aim(ours, "wall", 1 / least, hindered=why, against=(DOCKER, PODMAN))
            for ours, least, why in ((SHALE, times, _INDEXING), (TREES, _TREES, _CREATING))
        ]
        about = f"cold pull to ready to run, from a loopback registry: {what}"
        yield Row(f"ready/{name}", about, partial(_readying, find=find), aims, heavy=True)
    again = [
        Aim(SHALE, "cpu", 0.15, relative=False),
        Aim(SHALE, "wall", 1.0, hindered=_START, against=(DOCKER, PODMAN)),
    ]
    about = "`pull` of an image of 200 MB that is here, after one file of it was changed in the registry"
    yield Row("repull/one-file", about, _pulling_again, again, heavy=True)
    faster = [Aim(SHALE, "wall", 1.0, hindered=_START, against=(DOCKER, PODMAN))]
    yield Row("run/true", "`run --rm --network host IMAGE true`, busybox", _running, faster)
    single: tuple[tuple[str, str, Callable[[Engine], None], Callable[[Engine], list[str]], list[Aim]], ...] = (
        ("commit/small", "`commit` of a container that touched 50,000 files", _touch,
         lambda _: ["commit", "changed", "localhost/bench/committed:1"], faster),
        ("save/small", "`save` of 50,000 small files to a file", _nothing,
         lambda engine: ["save", "--output", f"{engine.folder}/saved.tar", engine.image], faster),
        ("rmi/small", "`image rm` of 50,000 small files", _nothing,
         lambda engine: ["image", "rm", engine.image],
         [Aim(SHALE, "wall", 1 / 10, hindered=_START, against=(DOCKER, PODMAN))]),
    )  # fmt: skip
    for key, about, prepare, command, aims in single:
        opening = partial(_once_each, prepare=prepare, command=command)
        yield Row(key, about, opening, aims, heavy=True)


ROWS = tuple(_rows())
