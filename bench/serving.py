"""Our registry against Debian's docker-registry, serving and receiving.

Processor time and memory are the server's; the seconds are those of one plain client (`load`), the same for
both.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.contest import Aim, Contestant, Row
from bench.cost import Cost, cpu_so_far, peak_so_far
from bench.stage import Stage
from peers.process import Daemon, run
from peers.registry import serve_registry

THEIRS, OURS = "docker-registry", "shale registry serve"
_REPOSITORY = "bench/blobs"
_BIG, _SMALL = 1 << 30, 4096


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    pid: int


Serve = Callable[[Stage], AbstractContextManager[_Server]]


@contextmanager
def _theirs(stage: Stage) -> Iterator[_Server]:
    with stage.own_ground() as ground, serve_registry(ground) as registry:
        yield _Server(registry.host, registry.daemon.pid)


@contextmanager
def _ours(stage: Stage) -> Iterator[_Server]:
    with stage.own_ground() as ground:
        folder = ground.fresh("registry")
        argv = stage.shale("registry", "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "data"))
        daemon = Daemon(argv, env=stage.env, log=folder / "log")
        try:
            port = daemon.wait_until(lambda: re.search(r"127\.0\.0\.1:([1-9]\d*)", daemon.log))[1]
            yield _Server(f"127.0.0.1:{port}", daemon.pid)
        finally:
            daemon.stop()


@dataclass(frozen=True, slots=True)
class _Load:
    """So many blobs of so many bytes, by so many clients."""

    clients: int
    count: int
    size: int

    def on(self, stage: Stage, work: str, server: _Server) -> Cost:
        """Let the client work, and say what it took of time, and of the server."""
        before = cpu_so_far(server.pid)
        numbers = map(str, (self.clients, self.count, self.size))
        argv = [sys.executable, "-m", "bench.load", work, server.host, _REPOSITORY, *numbers]
        done = run(argv, env=stage.env, cwd=Path(__file__).resolve().parent.parent, timeout=600)
        return Cost(float(done.stdout), cpu_so_far(server.pid) - before, peak_so_far(server.pid))


@contextmanager
def _serving(stage: Stage, load: _Load) -> Iterator[Sequence[Contestant]]:
    with _theirs(stage) as theirs, _ours(stage) as ours:
        for server in (theirs, ours):
            load.on(stage, "put", server)
        yield (
            Contestant(THEIRS, partial(load.on, stage, "get", theirs)),
            Contestant(OURS, partial(load.on, stage, "get", ours)),
        )


@contextmanager
def _receiving(stage: Stage, load: _Load) -> Iterator[Sequence[Contestant]]:
    def once(serve: Serve) -> Cost:
        with serve(stage) as server:
            return load.on(stage, "put", server)

    yield Contestant(THEIRS, partial(once, _theirs)), Contestant(OURS, partial(once, _ours))


def _rows() -> Iterator[Row]:
    loads = (
        ("large-1", "one blob of 1 GiB by one client", _Load(1, 1, _BIG), True),
        ("large-16", "16 blobs of 64 MiB by 16 clients", _Load(16, 16, _BIG // 16), True),
        ("small-1", "2,000 blobs of 4 KiB by one client", _Load(1, 2_000, _SMALL), False),
        ("small-16", "2,000 blobs of 4 KiB by 16 clients", _Load(16, 2_000, _SMALL), False),
    )
    for name, what, load, large in loads:
        aims = [Aim(OURS, "wall", 1.0)] if large else []
        heavy = name != "small-16"
        yield Row(f"serve/{name}", f"serving {what}", partial(_serving, load=load), aims, heavy)
        yield Row(f"receive/{name}", f"receiving {what}", partial(_receiving, load=load), aims, heavy)


ROWS = tuple(_rows())
