"""CC-1, CC-2, CC-5 and CC-6 for whole images: sixteen processes, one store, one registry."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from faults import image_crowd
from faults.image_crowd import ROLES
from faults.image_registry import ImageRegistry
from faults.image_work import LARGE, UNWANTED, make_template, open_engine, packed_image
from shale.oci.digest import Digest
from shale.store.check import check

FORK = multiprocessing.get_context("forkserver")
SECONDS = 4.0


@pytest.fixture(autouse=True)
def _forkserver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that children are forked from imports what they need, once."""
    tests = Path(__file__).resolve().parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tests), str(tests.parent / "src")]))
    FORK.set_forkserver_preload(["faults.image_crowd"])


def run(target: Callable[..., None], arguments: Sequence[tuple[object, ...]]) -> None:
    """Run one process for each tuple of arguments, all at once; every one of them succeeds."""
    children = [FORK.Process(target=target, args=one) for one in arguments]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * len(children)


@pytest.mark.slow
def test_an_image_that_many_pull_comes_once(tmp_path: Path) -> None:
    with ImageRegistry(pace=0.002) as registry:
        registry.offer(LARGE, "v1")
        barrier = FORK.Barrier(16)
        run(image_crowd.pull_once, [(tmp_path / "root", f"{registry.host}/app:v1", barrier)] * 16)
        assert {(one.digest, one.first) for one in registry.asked} == {
            (str(Digest.of(content)), 0) for content in (LARGE.config, *LARGE.layers)
        }
        assert len(registry.asked) == 1 + len(LARGE.layers)
    with open_engine(tmp_path / "root") as engine:
        report = check(engine.store)
        assert (report.damage, report.leftovers) == ((), ())
        assert report.layers == len(LARGE.layers) == len(os.listdir(tmp_path / "root" / "layers"))


@pytest.mark.slow
def test_layers_that_many_mount_are_made_once(tmp_path: Path) -> None:
    root = make_template(tmp_path, LARGE, names=["kept:v1"])
    with open_engine(root) as engine, engine.store.database.write() as tx:
        for layer in engine.store.unpacked.all(tx):
            engine.store.unpacked.drop(tx, layer.diff_id, layer.form)
    barrier = FORK.Barrier(16)
    run(image_crowd.mount_once, [(root, "kept:v1", barrier)] * 16)
    with open_engine(root) as engine, engine.store.database.read() as tx:
        written = {layer.written for layer in engine.store.unpacked.all(tx)}
        assert len(written) == len(LARGE.layers)
        told = {(tmp_path / name).read_text() for name in os.listdir(tmp_path) if name.startswith("seen-")}
        assert told == {repr(sorted(written))}  # all have seen the same: nobody made one again


@pytest.mark.slow
def test_sixteen_processes_do_everything_at_once(tmp_path: Path) -> None:
    images = [packed_image(f"many{number}", 60_000, 40_000 + number) for number in range(4)]
    template = make_template(tmp_path, LARGE, *UNWANTED[:2], names=["kept:v1"])
    with ImageRegistry() as registry:
        for number, image in enumerate(images):
            registry.offer(image, f"v{number}")
        roles = [role for role, (_, count) in ROLES.items() for _ in range(count)]
        assert len(roles) == 16
        until = time.monotonic() + SECONDS
        run(image_crowd.play, [(template, registry.host, role, seed, until) for seed, role in enumerate(roles)])
        done = Counter[str]()
        for seed, role in enumerate(roles):
            done[role] += int((tmp_path / f"{role}-{seed}").read_text(encoding="utf-8"))
        assert all(done[role] >= 2 for role in ROLES)
        with open_engine(template) as engine:
            report = check(engine.store)
            assert (report.damage, report.leftovers) == ((), ())
            for content in LARGE.blobs:
                assert engine.store.blobs.verify(Digest.of(content)) == len(content)
            for number, image in enumerate(images):
                assert engine.images.pull(f"{registry.host}/app:v{number}").summary.target == image.digest
            engine.images.prune(all_images=True)
            assert list(engine.store.blobs) == []
            assert os.listdir(template / "layers") == os.listdir(template / "mounts") == []


@pytest.mark.slow
def test_a_tag_that_four_processes_move(tmp_path: Path) -> None:
    """Every move is in the log, in one order, and the name points where the last of them says."""
    root = make_template(tmp_path, LARGE, *UNWANTED[:2], names=["one:1", "two:1", "three:1"])
    barrier, times = FORK.Barrier(4), 25
    sources = ["one:1", "two:1", "three:1"]
    turns = [sources[at:] + sources[:at] for at in range(4)]
    run(image_crowd.move, [(root, "moving:1", turn, times, barrier) for turn in turns])
    with open_engine(root) as engine:
        log = engine.images.reflog("moving:1")
        assert engine.images.find("moving:1").target == log[0].target
        assert all(one.target != two.target for one, two in pairwise(log))
        assert [one.at for one in log] == sorted((one.at for one in log), reverse=True)
        assert times < len(log) <= 4 * times
        report = check(engine.store)
        assert (report.damage, report.leftovers) == ((), ())
