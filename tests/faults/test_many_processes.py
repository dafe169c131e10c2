"""CC-1, CC-2, CC-6, CC-10 and CR-3 for the store's own operations: many processes, one store."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.check import check
from shale.store.ingests import IngestBusy, ingest_key
from shale.store.store import open_store
from store_images import keep_image, make_image, noise

SPAWN = multiprocessing.get_context("spawn")
NAME = Reference.parse("docker.io/library/race:latest")
CONTENT = noise("shared by all", 1 << 20)


def run(target: Callable[..., None], arguments: list[tuple[object, ...]]) -> None:
    """Run one process for each tuple of arguments, and assert that each one succeeds."""
    children: list[SpawnProcess] = [SPAWN.Process(target=target, args=one) for one in arguments]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * len(children)


def commit_once(root: Path, barrier: Barrier, number: int) -> None:
    barrier.wait()
    with open_store(root) as store:  # the first of them makes the store
        digest = Digest.of(CONTENT)
        with store.ingests.open(ingest_key(digest)) as ingest:
            if store.blobs.holds(digest):
                ingest.discard()
                return
            for start in range(0, len(CONTENT), 4096):
                ingest.write(CONTENT[start : start + 4096])
                time.sleep(0)
            ingest.commit(digest, len(CONTENT))
            (root / f"worked-{number}").touch()


def test_the_same_blob_is_brought_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    barrier = SPAWN.Barrier(8)
    run(commit_once, [(root, barrier, number) for number in range(8)])
    assert len(list(root.glob("worked-*"))) == 1
    with open_store(root) as store:
        assert store.blobs.verify(Digest.of(CONTENT)) == len(CONTENT)
        assert os.listdir(root / "ingest") == []


def move_often(root: Path, barrier: Barrier, who: int, times: int) -> None:
    targets = [Digest.of(f"{who}/{number}".encode()) for number in range(times)]
    with open_store(root) as store:
        barrier.wait()
        for target in targets:
            with store.database.write() as tx:
                store.names.move(tx, NAME, target, f"tag {who}")
            with store.database.read() as tx:
                assert tx.row("SELECT count(*) FROM names") == (1,)


def test_a_tag_that_many_move_has_one_history(tmp_path: Path) -> None:
    root, who, times = tmp_path / "root", 3, 60
    barrier = SPAWN.Barrier(who)
    run(move_often, [(root, barrier, one, times) for one in range(who)])
    with open_store(root) as store:
        history = store.names.log(NAME)[::-1]
        assert store.names.get(NAME).target == history[-1].target
    assert len(history) == who * times
    assert [one.at for one in history] == sorted(one.at for one in history)
    for one in range(who):  # every process sees its own moves in their order, none lost, none doubled
        expected = [Digest.of(f"{one}/{number}".encode()) for number in range(times)]
        assert [entry.target for entry in history if entry.command == f"tag {one}"] == expected


def pull_often(root: Path, until: float, who: int) -> None:
    with open_store(root) as store:
        number = 0
        while time.monotonic() < until or number < 3:
            image = make_image(f"image {number % 2}")
            keep_image(store, image, f"docker.io/library/pulled:{who}")
            for content in image.blobs:
                assert store.blobs.verify(Digest.of(content)) == len(content)
            with store.database.write() as tx:
                store.names.remove(tx, Reference.parse(f"docker.io/library/pulled:{who}"), "rmi")
                if not tx.rows("SELECT 1 FROM names WHERE digest = ?", (str(image.digest),)):
                    store.names.forget(tx, image.digest)
            number += 1


def prune_often(root: Path, until: float, _: int) -> None:
    with open_store(root) as store:
        while time.monotonic() < until:
            with store.database.write() as tx:
                store.collector.collect(tx)


def check_often(root: Path, until: float, _: int) -> None:
    with open_store(root) as store:
        while time.monotonic() < until:
            assert check(store).damage == ()


@pytest.mark.slow
def test_pulls_prunes_and_checks_at_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    kept = make_image("kept")
    with open_store(root) as store:
        keep_image(store, kept, "docker.io/library/kept:1")
    until = time.monotonic() + 5
    children = [SPAWN.Process(target=pull_often, args=(root, until, who)) for who in range(3)]
    children += [SPAWN.Process(target=prune_often, args=(root, until, 0))]
    children += [SPAWN.Process(target=check_often, args=(root, until, 0))]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * len(children)
    with open_store(root) as store:
        assert check(store).damage == ()
        for content in kept.blobs:
            assert store.blobs.verify(Digest.of(content)) == len(content)


def hold_ingest(root: Path, key: str, holding: Path) -> None:
    with open_store(root) as store, store.ingests.open(key) as ingest:
        ingest.write(b"half of it")
        holding.touch()
        time.sleep(60)


@pytest.mark.parametrize("sign", [signal.SIGSTOP, signal.SIGKILL])
def test_a_holder_that_is_stopped_or_killed(tmp_path: Path, sign: signal.Signals) -> None:
    root, holding = tmp_path / "root", tmp_path / "holding"
    child = SPAWN.Process(target=hold_ingest, args=(root, "sha256-key", holding))
    child.start()
    try:
        while not holding.exists():
            assert child.is_alive()
            time.sleep(0.01)
        assert child.pid is not None
        os.kill(child.pid, sign)
        if sign is signal.SIGKILL:
            child.join(30)
        waits: list[int] = []
        with open_store(root) as store:
            if sign is signal.SIGSTOP:
                with pytest.raises(IngestBusy, match="look for a stopped shale process"):
                    store.ingests.open("sha256-key", patience=0.2, waiting=lambda: waits.append(1))
                assert len(waits) > 1
                os.kill(child.pid, signal.SIGCONT)
                child.kill()
                child.join(30)
            with store.ingests.open("sha256-key", patience=10) as ingest:
                assert ingest.resume() == 10
    finally:
        child.kill()
        child.join(30)
