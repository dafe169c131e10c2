"""Pull, copy and push of whole images, against `skopeo copy`; the registry is Debian's docker-registry.

skopeo neither inflates what it copies nor syncs it to the disk; shale does both on a pull.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.contest import Aim, Contestant, Row
from bench.cost import Cost, measure
from bench.large import large_image
from bench.stage import Stage
from peers.layout import LayoutImage
from peers.process import tool
from peers.registry import serve_registry
from peers.skopeo import Skopeo

SKOPEO, PULL, COPY, PUSH = "skopeo copy", "shale pull", "shale copy", "shale push"
_TRUST = ("--src-tls-verify=false", "--dest-tls-verify=false")
_MEMORY = 100_000_000
_START = "Python takes 0.1 s to start and import, three times all of skopeo's work on a small image"
_MORE = "a pull inflates layers, hashes their tars and syncs, which skopeo does not; and Python has to start"

Find = Callable[[Stage], LayoutImage]


def _skopeo(source: str, destination: str) -> list[str]:
    exact = ("--insecure-policy", "copy", "--quiet", "--all", "--preserve-digests", *_TRUST)
    return [tool("skopeo", "skopeo"), *exact, source, destination]


def _pull(stage: Stage, disk: str, name: str) -> list[str]:
    return stage.shale("--root", f"{disk}/root", "pull", name)


def _copy(stage: Stage, disk: str, name: str) -> list[str]:
    return stage.shale("copy", f"docker://{name}", f"oci:{disk}/oci:latest")


@contextmanager
def _fetching(
    stage: Stage, find: Find, ours: str, command: Callable[[Stage, str, str], list[str]]
) -> Iterator[Sequence[Contestant]]:
    image = find(stage)
    with stage.own_ground() as ground, serve_registry(ground) as registry:
        name = f"{registry.host}/bench/image:latest"
        Skopeo(ground).copy(image.name, f"docker://{name}")

        def once(argv: Callable[[str], list[str]]) -> Cost:
            with stage.disks.fresh() as disk:
                return measure(argv(str(disk)), stage.env, stage.log)

        yield (
            Contestant(
                SKOPEO, partial(once, lambda disk: _skopeo(f"docker://{name}", f"oci:{disk}/oci:latest"))
            ),
            Contestant(ours, partial(once, lambda disk: command(stage, disk, name))),
        )


@contextmanager
def _pushing(stage: Stage, find: Find) -> Iterator[Sequence[Contestant]]:
    image = find(stage)
    with stage.disks.fresh() as disk:
        root, layout = f"{disk}/root", disk / "layout"
        shutil.copytree(image.layout, layout)
        with stage.own_ground() as ground, serve_registry(ground) as registry:
            name = f"{registry.host}/bench/image:latest"
            Skopeo(ground).copy(image.name, f"docker://{name}")
            stage.run_shale("--root", root, "pull", name)

        def once(prepare: Callable[[str], list[str]]) -> Cost:
            with stage.own_ground() as ground, serve_registry(ground) as registry:
                argv = prepare(f"{registry.host}/bench/image:latest")
                return measure(argv, stage.env, stage.log)

        def shale(target: str) -> list[str]:
            stage.run_shale("--root", root, "tag", name, target)
            return stage.shale("--root", root, "push", target)

        yield (
            Contestant(
                SKOPEO, partial(once, lambda target: _skopeo(f"oci:{layout}:latest", f"docker://{target}"))
            ),
            Contestant(PUSH, partial(once, shale)),
        )


def _rows() -> Iterator[Row]:
    images: tuple[tuple[str, str, Find, bool], ...] = (
        ("busybox", "one layer of 1 MB", lambda stage: stage.images.busybox(), False),
        ("debian", "one layer, a minimal Debian", lambda stage: stage.images.debian(), False),
        ("layers", "four layers, 20,000 small files", lambda stage: stage.images.layers(), True),
        ("large", "one layer of 1 GB, half of it random", large_image, True),
    )
    for name, what, find, heavy in images:
        yield Row(
            f"pull/{name}",
            f"from a registry into an empty store: {what}",
            partial(_fetching, find=find, ours=PULL, command=_pull),
            [Aim(PULL, "wall", 1.8, hindered=_MORE), Aim(PULL, "peak", _MEMORY, relative=False)],
            heavy,
        )
        yield Row(
            f"copy/{name}",
            f"from a registry to an OCI layout: {what}",
            partial(_fetching, find=find, ours=COPY, command=_copy),
            [Aim(COPY, "wall", 1.0, hindered=_START)],
            heavy,
        )
        yield Row(
            f"push/{name}",
            f"to an empty registry: {what}",
            partial(_pushing, find=find),
            [Aim(PUSH, "wall", 1.0, hindered=_START)],
            heavy,
        )


ROWS = tuple(_rows())
