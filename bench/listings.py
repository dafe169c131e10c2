"""`image ls` and `inspect` with few and with many images. docker's figures are those of its command alone:
its daemon, which does the work, has its processor time and memory for itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.contest import Aim, Contestant, Row
from bench.cost import Cost, measure
from bench.many import names, write_many
from bench.stage import Stage
from peers.dockerd import serve_dockerd
from peers.podman import private_podman
from peers.process import tool

DOCKER, PODMAN, SHALE = "docker", "podman", "shale"
_FEW, _MANY = 10, 1_000
_PATIENCE = 1_800
_START = "the interpreter and its imports take some 50 ms, and each image some 20 microseconds more"


@contextmanager
def _listing(
    stage: Stage, count: int, command: Sequence[str], *, named: bool
) -> Iterator[Sequence[Contestant]]:
    with (
        stage.own_ground() as at_docker,
        stage.own_ground() as at_podman,
        stage.disks.fresh() as disk,
        serve_dockerd(at_docker) as docker,
        private_podman(at_podman) as podman,
    ):
        archive = str(write_many(stage.ground.fresh("many"), count))
        root = f"{disk}/root"
        docker("load", "--quiet", "--input", archive, timeout=_PATIENCE)
        podman("load", "--quiet", "--input", archive, timeout=_PATIENCE)
        stage.run_shale("--root", root, "load", "--quiet", "--input", archive)
        arguments = [*command, names(count)[-1]] if named else command

        def once(argv: Sequence[str], env: dict[str, str]) -> Cost:
            return measure([*argv, *arguments], env, stage.log)

        at_socket = [tool("docker", "docker.io"), "--host", f"unix://{docker.socket}"]
        with_store = [tool("podman", "podman"), *podman.store]
        yield (
            Contestant(PODMAN, partial(once, with_store, dict(podman.env))),
            Contestant(DOCKER, partial(once, at_socket, dict(stage.env))),
            Contestant(SHALE, partial(once, stage.shale("--root", root), dict(stage.env))),
        )


def _rows() -> Iterator[Row]:
    commands: Sequence[tuple[str, list[str], bool, list[Aim]]] = (
        ("ls", ["image", "ls"], False, [Aim(SHALE, "cpu", 0.06, relative=False, hindered=_START)]),
        ("inspect", ["image", "inspect"], True, []),
    )
    for count in (_FEW, _MANY):
        for name, command, named, aims in commands:
            about = f"`{' '.join(command)}` with {count:,} images in the store"
            opening = partial(_listing, count=count, command=command, named=named)
            yield Row(f"{name}/{count}", about, opening, aims, heavy=count == _MANY)


ROWS = tuple(_rows())
