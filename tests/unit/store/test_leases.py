from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from shale.linux.boot import current_process
from shale.linux.durable import DiskFull
from shale.oci.digest import Digest
from shale.store import database
from shale.store.database import DatabaseBusy
from shale.store.leases import LeaseRecord
from shale.store.store import Store, open_store

DIGEST = Digest.of(b"content")


def records(store: Store) -> list[LeaseRecord]:
    with store.database.read() as tx:
        return store.leases.all(tx)


def drop_dead(store: Store) -> list[LeaseRecord]:
    with store.database.write() as tx:
        return store.leases.drop_dead(tx)


def add(store: Store, *, boot: str, namespace: int, pid: int, started: int, expires: float) -> None:
    with store.database.write() as tx:
        row = ("other", boot, namespace, pid, started, expires, "pull x")
        tx.run("INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        tx.run("INSERT INTO lease_content VALUES ('other', ?)", (str(DIGEST),))


def test_a_lease_lives_as_long_as_it_is_held(store: Store) -> None:
    with store.leases.hold("pull nginx") as lease:
        lease.protect([DIGEST, DIGEST])
        (record,) = records(store)
        assert record.purpose == "pull nginx"
        assert record.process == current_process()
        assert drop_dead(store) == []
    assert records(store) == []
    with store.database.read() as tx:
        assert tx.rows("SELECT * FROM lease_content") == []


def test_it_ends_with_the_transaction_that_gives_it_up(store: Store) -> None:
    with store.leases.hold("pull") as lease, store.database.write() as tx:
        lease.give_up(tx)
        assert store.leases.all(tx) == []
    assert records(store) == []


@pytest.mark.parametrize("error", [DiskFull("the disk is full"), None])
def test_an_error_is_not_hidden_by_what_comes_of_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: DiskFull | None
) -> None:
    """The lease cannot be given up while somebody writes: worth saying only where it is all there is."""
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)

    def work() -> None:
        with (
            open_store(root) as mine,
            open_store(root) as other,
            ExitStack() as stack,
            mine.leases.hold("pull"),
        ):
            stack.enter_context(other.database.write())
            if error is not None:
                raise error

    with pytest.raises(DatabaseBusy if error is None else DiskFull):
        work()


@pytest.mark.parametrize(
    ("change", "dead"),
    [
        ({}, False),
        ({"boot": "another"}, True),
        ({"started": 1}, True),  # the process id is used again, by us
        ({"pid": 2**22 + 1}, True),
        ({"namespace": 1}, False),
        ({"namespace": 1, "expires": 1.0}, True),  # nobody can see it: its time counts
        ({"expires": 1.0}, False),  # everybody can see it: its time does not
    ],
)
def test_only_the_leases_of_the_dead_are_dropped(store: Store, change: dict[str, object], dead: bool) -> None:
    mine = current_process()
    values: dict[str, object] = {
        "boot": mine.boot, "namespace": mine.namespace, "pid": mine.pid, "started": mine.started,
        "expires": time.time() + 100,
    }  # fmt: skip
    add(store, **(values | change))  # type: ignore[arg-type]
    assert [one.id for one in drop_dead(store)] == (["other"] if dead else [])
    with store.database.read() as tx:
        assert len(tx.rows("SELECT * FROM lease_content")) == (0 if dead else 1)
