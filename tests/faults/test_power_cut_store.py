"""PL-1 for the store's own operations; what the model covers, and what it believes, is in `faults.powercut`."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import store_work
from faults.powercut import record, states
from shale.store.check import check
from shale.store.store import open_store


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "prepare"),
    [("bring", None), ("bring_into_half_made", None), ("prune", "faults.store_work:prepare")],
)
def test_whatever_a_power_cut_leaves(tmp_path: Path, work: str, prepare: str | None) -> None:
    log = record(f"faults.store_work:{work}", tmp_path, prepare=prepare)
    found = list(states(log, seed=5, subsets=1))
    assert len(found) > 20
    promised: set[str] = set()
    for state in found:
        root = tmp_path / "mounted"
        state.mount(root)
        message = f"cut after {state.cut} of {len(log.events)}: {state.what}"
        with open_store(root) as store:
            assert check(store).damage == (), message
            assert [one for one in state.promises if not store_work.kept(store, one)] == [], message
        promised.update(state.promises)
    assert promised


def test_the_model_finds_a_missing_sync(tmp_path: Path) -> None:
    """Careless writers must be caught: else the test above would prove nothing."""
    for work in ("careless_bytes", "careless_folder"):
        log = record(f"faults.test_power_cut_store:{work}", tmp_path / work)
        contents = {state.files.get("kept") for state in states(log, seed=1) if state.promises}
        assert contents - {b"precious"}, work
    log = record("faults.test_power_cut_store:careful", tmp_path / "careful")
    assert {state.files.get("kept") for state in states(log, seed=1) if state.promises} == {b"precious"}


def _write(root: Path, say: store_work.Say, *, sync_bytes: bool, sync_folder: bool) -> None:
    import os  # noqa: PLC0415 - the shim is in place when this runs

    folder = os.open(root, os.O_RDONLY)
    file = os.open("new", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder)
    os.write(file, b"precious")
    if sync_bytes:
        os.fsync(file)
    os.rename("new", "kept", src_dir_fd=folder, dst_dir_fd=folder)
    if sync_folder:
        os.fsync(folder)
    say("kept")


def careless_bytes(root: Path, say: store_work.Say) -> None:
    _write(root, say, sync_bytes=False, sync_folder=True)


def careless_folder(root: Path, say: store_work.Say) -> None:
    _write(root, say, sync_bytes=True, sync_folder=False)


def careful(root: Path, say: store_work.Say) -> None:
    _write(root, say, sync_bytes=True, sync_folder=True)
