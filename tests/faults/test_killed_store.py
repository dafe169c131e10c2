"""CR-1 and CR-2 for the store's own operations: killed at every call, and at any instant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faults import store_work
from faults.killer import Casualty, kill_at_each_call, kill_at_random_instants
from shale.store.check import check
from shale.store.store import open_store


def nothing(_: str) -> None:
    pass


def assert_sound(casualty: Casualty, again: str) -> None:
    """The store is sound, keeps what was promised, the operation succeeds now, and leaves nothing behind."""
    with open_store(casualty.root) as store:
        report = check(store)
        assert report.damage == (), casualty
        assert [line for line in casualty.said if not store_work.kept(store, line)] == [], casualty
    getattr(store_work, again)(casualty.root, nothing)
    with open_store(casualty.root) as store:
        report = check(store)
        assert report.damage == (), casualty
        assert os.listdir(casualty.root / "ingest") == []
        assert store.names.get(store_work.NAME).target == store_work.SECOND.digest


@pytest.mark.parametrize(("work", "prepare"), [("bring", None), ("prune", "prepare")])
def test_killed_at_every_call(tmp_path: Path, work: str, prepare: str | None) -> None:
    casualties = []
    for casualty in kill_at_each_call(
        f"faults.store_work:{work}", tmp_path, prepare=prepare and f"faults.store_work:{prepare}"
    ):
        assert not casualty.error, casualty.error
        assert_sound(casualty, work)
        casualties.append(casualty)
    assert not casualties[-1].killed
    assert all(one.killed for one in casualties[:-1])
    names = {one.call.partition(" ")[0] for one in casualties[:-1]}
    assert {"open", "mkdir", "write", "rename", "fsync", "fdatasync", "sqlite", "rmdir"} <= names


@pytest.mark.slow
@pytest.mark.parametrize("work", ["bring", "prune"])
def test_killed_at_any_instant(tmp_path: Path, work: str) -> None:
    casualties = list(
        kill_at_random_instants(
            f"faults.store_work:{work}", tmp_path, times=25, seed=20, prepare="faults.store_work:prepare"
        )
    )
    assert any(one.killed for one in casualties)
    for casualty in casualties:
        assert not casualty.error, casualty.error
        assert_sound(casualty, work)
