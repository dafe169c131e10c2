from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shale.linux.durable import NoPermission
from shale.store import database as module
from shale.store.database import Database, DatabaseBusy, DatabaseDamaged, NewerDatabase, Transaction
from shale.store.schema import MIGRATIONS

ONE = "CREATE TABLE one (x INTEGER)"
TWO = "CREATE TABLE two (y INTEGER); INSERT INTO two SELECT x FROM one"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(Database(path, [ONE])) as opened:
        yield opened


def insert(tx: Transaction, value: int) -> None:
    tx.run("INSERT INTO one VALUES (?)", (value,))


def values(database: Database) -> list[int]:
    with database.read() as tx:
        return [x for (x,) in tx.rows("SELECT x FROM one")]


def test_it_is_durable_and_in_wal_mode(database: Database) -> None:
    with database.read() as tx:
        assert tx.row("PRAGMA journal_mode") == ("wal",)
        assert tx.row("PRAGMA synchronous") == (2,)
        assert tx.row("PRAGMA foreign_keys") == (1,)


def test_it_is_for_its_owner_alone(path: Path) -> None:
    """Whatever the mode of the folder is, and of new files: containers' variables are in it."""
    before = os.umask(0)
    try:
        with closing(Database(path, [ONE])) as database, database.write() as tx:
            insert(tx, 1)
            files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert files == dict.fromkeys(("test.db", "test.db-shm", "test.db-wal"), 0o600)


def test_only_what_may_be_lost_in_a_power_cut_is_not_synced(database: Database) -> None:
    def synchronous(*, durable: bool, fail: bool = False) -> int:
        with database.write(durable=durable) as tx:
            insert(tx, 1)
            (found,) = tx.row("PRAGMA synchronous")  # type: ignore[misc]
            if fail:
                raise KeyError
        return int(found)

    full, normal = 2, 1
    assert synchronous(durable=False) == normal
    assert synchronous(durable=True) == full
    with pytest.raises(KeyError):
        synchronous(durable=False, fail=True)
    assert synchronous(durable=True) == full
    assert values(database) == [1, 1, 1]
    with database.write(), pytest.raises(RuntimeError, match="do not nest"):
        synchronous(durable=False)
    assert synchronous(durable=True) == full


def test_an_older_database_is_migrated_with_its_rows(path: Path) -> None:
    with closing(Database(path, [ONE])) as old, old.write() as tx:
        insert(tx, 7)
    for _ in range(2):
        with closing(Database(path, [ONE, TWO])) as new, new.read() as tx:
            assert tx.rows("SELECT y FROM two") == [(7,)]
            assert tx.row("PRAGMA user_version") == (2,)


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    Database(path, [ONE]).close()
    with pytest.raises(sqlite3.OperationalError):
        Database(path, [ONE, "CREATE TABLE two (y); CREATE TABLE one (x)"])
    with closing(Database(path, [ONE])) as old:
        assert values(old) == []


def test_a_newer_one_is_refused(path: Path) -> None:
    Database(path, [ONE, TWO]).close()
    with pytest.raises(NewerDatabase, match="version 2, this shale knows versions up to 1; use a newer shale"):
        Database(path, [ONE])


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            insert(tx, 1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert values(database) == []


def test_transactions_do_not_nest(database: Database) -> None:
    def nest() -> None:
        with database.write() as tx:
            insert(tx, 1)
            with database.read():
                pass

    with pytest.raises(RuntimeError, match="pass the open one on"):
        nest()
    assert values(database) == []


def test_readers_see_the_state_before_a_write(database: Database, path: Path) -> None:
    with closing(Database(path, [ONE])) as other, database.write() as tx:
        insert(tx, 1)
        assert values(other) == []
    assert values(database) == [1]


def test_threads_take_turns(database: Database) -> None:
    def add() -> None:
        for _ in range(20):
            with database.write() as tx:
                insert(tx, tx.rows("SELECT count(*) FROM one")[0][0])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(database) == list(range(80))


def test_waiting_for_another_process_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.05)
    with closing(Database(path, [ONE])) as one, closing(Database(path, [ONE])) as two:
        with one.write() as tx:
            insert(tx, 1)
            with pytest.raises(DatabaseBusy, match="in use by another process"), two.write():
                pass
        with two.write() as tx:
            insert(tx, 2)
        assert values(one) == [1, 2]


def test_many_open_a_new_one_at_once(path: Path) -> None:
    errors: list[BaseException] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        try:
            with closing(Database(path, MIGRATIONS)) as mine, mine.read() as tx:
                tx.rows("SELECT * FROM names")
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_damage_says_the_way_out(path: Path) -> None:
    path.write_bytes(b"this is no database " * 500)
    with pytest.raises(DatabaseDamaged, match="shale store check --repair"):
        Database(path, [ONE])


def test_a_lost_one_is_not_made_anew_in_silence(path: Path) -> None:
    with pytest.raises(DatabaseDamaged, match="missing or empty"):
        Database(path, [ONE], may_be_new=lambda: False)


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir()
    with pytest.raises(NoPermission, match="--root"):
        Database(path, [ONE])


def test_a_sound_one_has_no_damage(database: Database) -> None:
    assert database.damage() == []


def test_tables_that_are_not_there_are_damage(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
    with closing(Database(path)) as database, pytest.raises(DatabaseDamaged, match="no such table"):  # noqa: SIM117
        with database.read() as tx:
            tx.rows("SELECT * FROM names")
