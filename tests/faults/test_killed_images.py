"""CR-1 and CR-2 for whole images: pull, push, tag, prune, remove and load, killed at every call or any instant.

After each kill the store has no damage, what was promised holds, the same operation succeeds, and a pull
fetches exactly the bytes that are not on disk.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import image_work
from faults.bad_registry import Content
from faults.image_registry import ImageRegistry, total
from faults.image_work import LARGE, OLD, SMALL, UNWANTED, make_template, open_engine, repository
from faults.killer import Casualty, kill_at_each_call, kill_at_random_instants
from shale.engine.engine import Engine
from shale.oci.digest import Digest
from shale.store.check import check
from shale.store.findings import Leftover
from shale.store.ingests import ingest_key
from shale.store.store import Store
from store_images import Image, noise

TESTS = Path(__file__).resolve().parents[1]
_HARMLESS = {
    Leftover.DEAD_LEASE, Leftover.ROW_WITHOUT_FILE, Leftover.STALE_LAYER, Leftover.UNFINISHED_LAYER,
    Leftover.UNRECORDED_LAYER,
}  # fmt: skip
READ = 256 * 1024
"""Bytes that the client reads from a connection at once: what a cut may cost."""


def nothing(_: str) -> None:
    pass


def assert_sound(store: Store, message: object) -> None:
    """No damage, and of leftovers only what the next collecting takes away."""
    report = check(store)
    assert report.damage == (), message
    assert {one.kind for one in report.leftovers} <= _HARMLESS, (message, report.leftovers)


def missing_bytes(store: Store, image: Image) -> int:
    """Bytes of an image's config and layers that are not on disk, not even in part."""
    count = 0
    for content in (image.config, *image.layers):
        digest = Digest.of(content)
        if not store.blobs.holds(digest, len(content)):
            count += len(content) - store.ingests.bytes_kept(ingest_key(digest))
    return count


def has(engine: Engine, name: str, image: Image) -> bool:
    """Whether an image is here under a name, with all its bytes."""
    return engine.images.find(name).target == image.digest and all(
        engine.store.blobs.verify(Digest.of(content)) == len(content) for content in image.blobs
    )


def assert_pull_goes_on(casualty: Casualty, registry: ImageRegistry, image: Image, tag: str) -> int:
    """Check what a kill left of a pull, and pull again; how many bytes came with that."""
    name = f"{registry.host}/{repository(casualty.root)}:{tag}"
    assert not casualty.error, casualty.error
    with open_engine(casualty.root) as engine:
        assert_sound(engine.store, casualty)
        if casualty.said:
            assert has(engine, name, image), casualty
        elif named := [one for one in engine.images.list() if one.names]:
            assert {one.target for one in named} <= {image.digest, OLD.digest}
        missing = missing_bytes(engine.store, image)
        before = len(registry.asked_of(repository(casualty.root)))
        engine.images.pull(name)
        fetched = total(registry.asked_of(repository(casualty.root))[before:])
        assert fetched == missing, casualty
        assert has(engine, name, image)
        engine.images.prune()
        report = check(engine.store)
        assert (report.damage, report.leftovers) == ((), ()), casualty
    assert os.listdir(casualty.root / "ingest") == []
    return fetched


@pytest.mark.slow
def test_a_pull_killed_at_every_call(tmp_path: Path) -> None:
    with ImageRegistry() as registry:
        registry.offer(SMALL, "v1")
        casualties = []
        for casualty in kill_at_each_call("faults.image_work:pull", tmp_path, args=(registry.host, "v1")):
            assert_pull_goes_on(casualty, registry, SMALL, "v1")
            casualties.append(casualty)
    assert not casualties[-1].killed
    names = {one.call.partition(" ")[0] for one in casualties[:-1]}
    assert {"open", "mkdir", "write", "rename", "fsync", "fdatasync", "sqlite", "rmdir"} <= names


@pytest.mark.slow
def test_a_pull_killed_at_any_instant(tmp_path: Path) -> None:
    with ImageRegistry(pace=0.001) as registry:
        registry.offer(LARGE, "v1")
        template = make_template(tmp_path, OLD, names=["kept:v1"])
        fetched = [
            assert_pull_goes_on(casualty, registry, LARGE, "v1")
            for casualty in kill_at_random_instants(
                "faults.image_work:pull_over",
                tmp_path,
                times=40,
                seed=7,
                prepare="faults.image_work:copy",
                args=(str(template), registry.host, "v1"),
            )
        ]
    # Where the kills land is chance, and a busy machine's more than ours: `kill_at_each_call` goes everywhere.
    assert len(fetched) > 30


def test_a_cut_costs_at_most_what_was_being_read(tmp_path: Path) -> None:
    """Many kills in one pull: the registry tells how much it had sent, the store how much was kept."""
    content = LARGE.layers[2]
    digest = Digest.of(content)
    root = tmp_path / "1" / "root"
    root.parent.mkdir()
    path = f"/v2/{repository(root)}/blobs/{digest}"
    with ImageRegistry() as registry, open_engine(root) as engine:
        registry.offer(LARGE, "v1")
        kept = 0
        for stop in (1, 20_000, 300_000, len(content) - 1):
            registry.script("GET", path, Content(content, stall_at=max(0, stop - kept)))
            killed_pull(engine, registry, root, path, digest, stop)
            now = engine.store.ingests.bytes_kept(ingest_key(digest))
            assert max(kept, stop - READ) <= now <= stop
            kept = now
            assert_sound(engine.store, stop)
        registry.script("GET", path, Content(content))
        engine.images.pull(f"{registry.host}/{repository(root)}:v1")
        last = registry.requests("GET", path)[-1]
        assert last.headers.get("range") == f"bytes={kept}-"
        assert_sound(engine.store, "after all")


def killed_pull(
    engine: Engine, registry: ImageRegistry, root: Path, path: str, digest: Digest, stop: int
) -> None:
    """Pull in another process, and kill that once it has what the registry sends, but for one read."""
    before = len(registry.requests("GET", path))
    child = subprocess.Popen(
        [sys.executable, "-c", _PULL, str(root), registry.host],
        env={**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"},
    )
    try:
        wait_for(lambda: len(registry.requests("GET", path)) > before)
        wait_for(lambda: engine.store.ingests.bytes_kept(ingest_key(digest)) > stop - READ)
    finally:
        child.kill()
        child.wait()


_PULL = """
import sys
from pathlib import Path
from faults import image_work
image_work.pull(Path(sys.argv[1]), print, sys.argv[2], "v1")
"""


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until something is so; only a hang ends this."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
def test_a_push_killed_at_any_instant(tmp_path: Path) -> None:
    template = make_template(tmp_path, LARGE, names=["kept:v1"])
    with ImageRegistry(pace=0.001) as registry:
        for casualty in kill_at_random_instants(
            "faults.image_work:push",
            tmp_path,
            times=30,
            seed=8,
            prepare="faults.image_work:copy",
            args=(str(template), registry.host),
        ):
            assert not casualty.error, casualty.error
            there = repository(casualty.root)
            if casualty.said or "v1" in registry.manifests[there]:
                assert registry.image_is_whole(there, LARGE, "v1")  # the name comes last
            with open_engine(casualty.root) as engine:
                assert_sound(engine.store, casualty)
            image_work.push(casualty.root, nothing, str(template), registry.host)
            assert registry.image_is_whole(there, LARGE, "v1")
            with open_engine(casualty.root) as engine:
                assert_sound(engine.store, casualty)
                assert has(engine, "kept:v1", LARGE)


@pytest.mark.slow
def test_tags_killed_at_any_instant(tmp_path: Path) -> None:
    template = make_template(tmp_path, LARGE, names=["kept:v1"])
    for casualty in kill_at_random_instants(
        "faults.image_work:tag", tmp_path, times=30, seed=9,
        prepare="faults.image_work:copy", args=(str(template),),
    ):  # fmt: skip
        assert not casualty.error, casualty.error
        with open_engine(casualty.root) as engine:
            assert_sound(engine.store, casualty)
            assert has(engine, "kept:v1", LARGE)
            names = {one.familiar for one in engine.images.find("kept:v1").names}
            for line in casualty.said:
                what, _, number = line.partition(" ")
                if what == "untagged":
                    assert "moving:2" not in names
                elif "untagged 2" not in casualty.said and number != "2":
                    assert f"moving:{number}" in names
            logged = [(one.reference, one.target) for one in engine.images.reflog()]
            assert len(logged) == len({*logged}), "a move is logged once, with the move"
        image_work.tag(casualty.root, nothing, str(template))
        with open_engine(casualty.root) as engine:
            names = {one.familiar for one in engine.images.find("kept:v1").names}
            assert names == {"kept:v1", "moving:0", "moving:1"}
            assert_sound(engine.store, casualty)


def assert_prune_goes_on(casualty: Casualty, template: Path) -> None:
    assert not casualty.error, casualty.error
    with open_engine(casualty.root) as engine:
        assert_sound(engine.store, casualty)
        assert has(engine, "kept:v1", LARGE)
    image_work.prune(casualty.root, nothing, str(template))
    with open_engine(casualty.root) as engine:
        report = check(engine.store)
        assert (report.damage, report.leftovers) == ((), ()), casualty
        assert has(engine, "kept:v1", LARGE)
        # Whatever the kill left half removed is gone: of the unwanted only what the kept image has too.
        assert {*engine.store.blobs} == {Digest.of(content) for content in LARGE.blobs}


@pytest.mark.slow
def test_a_prune_killed_at_every_call(tmp_path: Path) -> None:
    template = make_template(tmp_path, LARGE, *UNWANTED[:2], names=["kept:v1"])
    count = 0
    for casualty in kill_at_each_call(
        "faults.image_work:prune", tmp_path, prepare="faults.image_work:copy", args=(str(template),)
    ):
        assert_prune_goes_on(casualty, template)
        count += 1
    assert count > 8


@pytest.mark.slow
def test_a_prune_killed_at_any_instant(tmp_path: Path) -> None:
    template = make_template(tmp_path, LARGE, *UNWANTED, names=["kept:v1"])
    for casualty in kill_at_random_instants(
        "faults.image_work:prune", tmp_path, times=30, seed=10,
        prepare="faults.image_work:copy", args=(str(template),),
    ):  # fmt: skip
        assert_prune_goes_on(casualty, template)


@pytest.mark.slow
def test_a_removal_killed_at_every_call(tmp_path: Path) -> None:
    template = make_template(tmp_path, SMALL, OLD, names=["kept:v1", "other:v1"])
    for casualty in kill_at_each_call(
        "faults.image_work:remove", tmp_path, prepare="faults.image_work:copy", args=(str(template),)
    ):
        assert not casualty.error, casualty.error
        with open_engine(casualty.root) as engine:
            assert_sound(engine.store, casualty)
            here = any(name.familiar == "kept:v1" for one in engine.images.list() for name in one.names)
            assert here != bool(casualty.said) or not casualty.said
            if here:
                assert has(engine, "kept:v1", SMALL)
                engine.images.remove("kept:v1")
            engine.images.prune()
            report = check(engine.store)
            assert (report.damage, report.leftovers) == ((), ()), casualty
            assert {*engine.store.blobs} == {Digest.of(content) for content in OLD.blobs}


@pytest.mark.slow
def test_a_load_killed_at_any_instant(tmp_path: Path) -> None:
    archive = tmp_path / "images.tar"
    images = (LARGE, *UNWANTED[:2])
    archive.write_bytes(image_work.archived(*images))
    for casualty in kill_at_random_instants(
        "faults.image_work:load", tmp_path, times=20, seed=11, args=(str(archive),)
    ):
        assert not casualty.error, casualty.error
        with open_engine(casualty.root) as engine:
            assert_sound(engine.store, casualty)
            for line in casualty.said:
                assert str(engine.images.find(target := line.partition(" ")[2]).target) == target
        image_work.load(casualty.root, nothing, str(archive))
        with open_engine(casualty.root) as engine:
            assert {one.target for one in engine.images.list()} == {image.digest for image in images}
            engine.images.prune(filters=["label=seed=none"])  # takes away nothing but dead leases
            report = check(engine.store)
            assert (report.damage, report.leftovers) == ((), ()), casualty
        assert os.listdir(casualty.root / "ingest") == []


def test_bytes_that_a_power_cut_damaged_are_fetched_anew(tmp_path: Path) -> None:
    """What an earlier process left need not be right: it is noticed at the end, and only then dropped."""
    root = tmp_path / "1" / "root"
    root.parent.mkdir()
    content = LARGE.layers[2]
    with ImageRegistry() as registry, open_engine(root) as engine:
        registry.offer(LARGE, "v1")
        with engine.store.ingests.open(ingest_key(Digest.of(content))) as ingest:
            ingest.write(noise("other", 100_000))
        image_work.pull(root, nothing, registry.host, "v1")
        assert has(engine, f"{registry.host}/{repository(root)}:v1", LARGE)
        firsts = [one.first for one in registry.asked if one.digest == str(Digest.of(content))]
        assert firsts == [100_000, 0]
