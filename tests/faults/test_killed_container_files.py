"""Commit and cp, killed at every call or without room: the store stays whole, and the same works again."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from faults.container_work import FILES, NAME, commit, copy_in, copy_out, make_store, tree_of
from faults.image_work import open_engine
from faults.killer import Casualty, fail_at_each_call, kill_at_each_call
from shale.engine.engine import Engine
from shale.image.resolve import ImageNotFound
from shale.store.check import check
from shale.store.findings import Leftover
from still_containers import StillContainers

HARMLESS = {Leftover.DEAD_LEASE, Leftover.ROW_WITHOUT_FILE}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return make_store(tmp_path)


def nothing(_: str) -> None:
    pass


def assert_sound(engine: Engine, casualty: Casualty) -> None:
    report = check(engine.store)
    assert report.damage == (), casualty
    assert {one.kind for one in report.leftovers} <= HARMLESS, (casualty, report.leftovers)


def made_tree(engine: Engine) -> dict[str, bytes]:
    """The tree of the image that was committed."""
    still = StillContainers(engine)
    still.make("made:1", "again")
    return tree_of(engine, "again")


def assert_commits(casualty: Casualty, *, promised: bool) -> None:
    """What a disturbed commit left, and that the next one is like any other."""
    with open_engine(casualty.root) as engine:
        assert_sound(engine, casualty)
        expected = tree_of(engine, NAME)
        try:
            engine.images.get("made:1")
        except ImageNotFound:
            assert not promised, casualty
        else:
            assert made_tree(engine) == expected, casualty
            engine.images.untag("made:1")
    commit(casualty.root, nothing)
    with open_engine(casualty.root) as engine:
        engine.images.prune()
        report = check(engine.store)
        assert (report.damage, report.leftovers) == ((), ()), casualty


@pytest.mark.slow
def test_a_commit_killed_at_every_call(template: Path, tmp_path: Path) -> None:
    calls = []
    for casualty in kill_at_each_call(
        "faults.container_work:commit",
        tmp_path,
        prepare="faults.container_work:copy_store",
        args=(str(template),),
    ):
        assert not casualty.error, casualty.error
        assert_commits(casualty, promised=bool(casualty.said))
        calls.append(casualty.call.partition(" ")[0])
    assert {"open", "write", "rename", "fsync", "fdatasync", "sqlite"} <= set(calls)


@pytest.mark.slow
@pytest.mark.parametrize("names", [["write"], ["fdatasync", "fsync"], ["open"], ["rename"]])
def test_a_commit_on_a_full_disk(names: list[str], template: Path, tmp_path: Path) -> None:
    failed = 0
    for casualty in fail_at_each_call(
        "faults.container_work:commit",
        tmp_path,
        names,
        errno.ENOSPC,
        prepare="faults.container_work:copy_store",
        args=(str(template),),
    ):
        failed += "DiskFull" in casualty.error
        assert_commits(casualty, promised=bool(casualty.said))
    assert failed


@pytest.mark.slow
def test_a_copy_into_a_container_killed_at_every_call(template: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        (source / str(number)).write_bytes(bytes([number]) * 2000)
    whole = {f"source/{number}": bytes([number]) * 2000 for number in range(3)}
    args = (str(template), str(source))
    for casualty in kill_at_each_call(
        "faults.container_work:copy_in",
        tmp_path / "runs",
        prepare="faults.container_work:copy_store",
        args=args,
    ):
        assert not casualty.error, casualty.error
        with open_engine(casualty.root) as engine:
            assert_sound(engine, casualty)
            copied = {name: file for name, file in tree_of(engine, NAME).items() if name.startswith("source")}
        assert copied.items() <= whole.items(), casualty  # no half file, no passing name
        assert not casualty.said or copied == whole
        copy_in(casualty.root, nothing, *args)
        with open_engine(casualty.root) as engine:
            assert whole.items() <= tree_of(engine, NAME).items()


@pytest.mark.slow
def test_a_copy_out_of_a_container_killed_at_every_call(template: Path, tmp_path: Path) -> None:
    whole = {"kept": b"kept"} | {f"new/{number}": bytes([number]) * 3000 for number in range(FILES)}
    for casualty in kill_at_each_call(
        "faults.container_work:copy_out",
        tmp_path / "runs",
        prepare="faults.container_work:copy_store",
        args=(str(template),),
    ):
        assert not casualty.error, casualty.error
        target = casualty.root.parent / "target"
        copied = {
            str(path.relative_to(target)): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file() and not path.name.startswith(".shale-")
        }
        if copied.get("kept") in (b"older", b""):
            del copied["kept"]
        assert copied.items() <= whole.items(), casualty
        assert not casualty.said or copied == whole
        copy_out(casualty.root, nothing)
        with open_engine(casualty.root) as engine:
            assert_sound(engine, casualty)
