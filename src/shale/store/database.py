"""The database: one SQLite file in WAL mode, shared by many processes.

Format: docs/formats.md "The database". Every change goes through `Database.write`, which is one immediate
transaction: writers queue up, readers see the state before or after, never between.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final, NamedTuple

from shale.errors import Corrupt, Unavailable, Unsupported
from shale.linux.durable import DiskFull, NoPermission, StorageFailure, disk_errors
from shale.store.schema import MIGRATIONS

__all__ = ["Advice", "Database", "DatabaseBusy", "DatabaseDamaged", "NewerDatabase", "Transaction"]

_BUSY_SECONDS: Final = 60.0
_POLL: Final = 0.01
_MAY_BE_FULL: Final = ("SQLITE_IOERR", "SQLITE_CANTOPEN")
"""What SQLite says where it could not even make its files on a full disk."""
_NOT_OURS: Final = ("no such table", "no such column", "Could not decode to UTF-8")
"""What SQLite and Python say of a file whose tables or texts are not those that its version promises."""
Parameters = Sequence[Any] | dict[str, Any]


class DatabaseBusy(Unavailable):
    """Another process has held the database for longer than we wait."""


class DatabaseDamaged(Corrupt):
    """SQLite cannot read the file."""


class NewerDatabase(Unsupported):
    """The store was written by a newer shale."""


class Advice(NamedTuple):
    """What a person can do about a database that cannot be used, as messages say it.

    Attributes:
        damaged: about one that is damaged or lost.
        elsewhere: the flag that chooses another folder.
    """

    damaged: str = "shale store check --repair makes a new one from the blobs"
    elsewhere: str = "--root"


_OF_A_STORE: Final = Advice()


class Transaction:
    """What can be asked of the database inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """All rows of a query, each as a tuple."""
        return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = ()) -> Any | None:
        """The first row of a query; None where there is none."""
        return self._connection.execute(sql, parameters).fetchone()

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement; returns how many rows it changed."""
        return self._connection.execute(sql, parameters).rowcount

    def run_many(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run one statement for each of the rows."""
        self._connection.executemany(sql, rows)


class Database:
    """An open database. Safe to use from threads: they take turns."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        migrations: Sequence[str] = MIGRATIONS,
        *,
        may_be_new: Callable[[], bool] = lambda: True,
        advice: Advice = _OF_A_STORE,
    ) -> None:
        """Open a database, making or migrating it where needed.

        Args:
            path: the file, in a folder that exists.
            migrations: SQL scripts; number N brings a database of version N to N+1.
            may_be_new: asked where the database is empty: false where there was one once, which is lost then.
            advice: what errors tell a person to do; by default, what helps a store.

        Raises:
            NewerDatabase: written by a newer shale.
            DatabaseDamaged: not a database, damaged, or lost.
            DatabaseBusy, DiskFull, NoPermission, StorageFailure: as their names say.
        """
        path = os.fspath(path)
        self._path = path
        self._advice = advice
        self._turn = threading.RLock()
        _make_private(path)
        with _sqlite_errors(path, advice):
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.execute("PRAGMA foreign_keys=ON")
                self._use_wal()
                self._migrate(migrations, may_be_new)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        """Close it; what was committed is on disk."""
        with self._turn:
            self._connection.close()

    def _use_wal(self) -> None:
        # SQLite does not wait for others while it changes the mode of a new file: it says busy at once.
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL)
            else:
                return

    def _migrate(self, migrations: Sequence[str], may_be_new: Callable[[], bool]) -> None:
        if self._version() == len(migrations):
            return
        with self.write() as tx:
            version = self._version()
            if version == 0 and not may_be_new():
                raise DatabaseDamaged(
                    f"{self._path} is missing or empty, but there are blobs; {self._advice.damaged}"
                )
            if version > len(migrations):
                raise NewerDatabase(
                    f"{self._path} has version {version}, this shale knows versions up to {len(migrations)}; "
                    f"use a newer shale, or another folder with {self._advice.elsewhere}"
                )
            for script in migrations[version:]:
                for statement in script.split(";"):
                    if statement.strip():
                        tx.run(statement)
            tx.run(f"PRAGMA user_version={len(migrations)}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One consistent view for several queries. Transactions do not nest: pass the open one on."""
        yield from self._transaction("BEGIN DEFERRED")

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        """One change: all of it is committed, or nothing is.

        Args:
            durable: false for what means nothing after a power cut: other processes see it, a kill does not
                undo it, and the next durable change makes it durable too; it saves the wait for the disk.

        Raises:
            DatabaseBusy, DiskFull, NoPermission, StorageFailure, DatabaseDamaged: nothing was changed.
        """
        yield from self._transaction("BEGIN IMMEDIATE", durable=durable)

    def _transaction(self, begin: str, *, durable: bool = True) -> Iterator[Transaction]:
        with self._turn, _sqlite_errors(self._path, self._advice), ExitStack() as after:
            if self._connection.in_transaction:
                raise RuntimeError("transactions do not nest: pass the open one on")
            if not durable:
                self._connection.execute("PRAGMA synchronous=NORMAL")
                after.callback(self._connection.execute, "PRAGMA synchronous=FULL")
            self._connection.execute(begin)
            try:
                yield Transaction(self._connection)
            except BaseException:
                self._rollback()
                raise
            try:
                self._connection.execute("COMMIT")
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        # SQLite has rolled back by itself after some errors (a full disk): only ask where it has not.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def damage(self) -> list[str]:
        """What SQLite's own check finds; empty when the file is sound."""
        with self._turn, _sqlite_errors(self._path, self._advice):
            rows = self._connection.execute("PRAGMA integrity_check").fetchall()
        return [str(row[0]) for row in rows if row[0] != "ok"]


@contextmanager
def _sqlite_errors(path: str, advice: Advice) -> Iterator[None]:
    """Turn SQLite's errors into kinds."""
    try:
        yield
    except sqlite3.Error as error:
        name = _name(error)
        if _is_busy(error):
            raise DatabaseBusy(
                f"{path} has been in use by another process for {_BUSY_SECONDS:.0f} seconds; try again"
            ) from error
        if name.startswith("SQLITE_FULL") or (name.startswith(_MAY_BE_FULL) and _is_full(path)):
            raise DiskFull(f"{path}: no space left on device; free some space and try again") from error
        if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
            raise NoPermission(
                f"{path} cannot be opened for writing: {error}; check who owns it, or choose another folder "
                f"with {advice.elsewhere}"
            ) from error
        if name.startswith("SQLITE_IOERR"):
            raise StorageFailure(f"{path}: {error}") from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith(_NOT_OURS):
            raise DatabaseDamaged(f"{path} is damaged: {error}; {advice.damaged}") from error
        raise


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "") or ""


def _make_private(path: str) -> None:
    """Make a new file that is for its owner alone: the environment of containers is in it.

    SQLite would let everybody read it, and gives its other files the rights of this one. A file that is there
    is not opened: to close it again would take away the locks that this process has on it (fcntl(2)).
    """
    with (
        disk_errors(f"making {path}"),
        suppress(FileExistsError, FileNotFoundError),
    ):  # SQLite says what is missing
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _is_busy(error: sqlite3.Error) -> bool:
    return _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"))


def _is_full(path: str) -> bool:
    try:
        room = os.statvfs(os.path.dirname(path) or ".")
    except OSError:
        return False
    return room.f_bavail == 0 or (room.f_files > 0 and room.f_favail == 0)
