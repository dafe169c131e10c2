"""The registry's SQLite file: schema, migrations, transactions.

Format: docs/registry.md "registry.db". One writer at a time within the process (a lock, so that nobody polls);
readers do not wait for it (WAL).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from shale.errors import Corrupt, ShaleError, Unavailable, Unsupported
from shale.linux.durable import DiskFull, NoPermission

__all__ = ["Database", "DatabaseTooNew"]

_FIRST: Final = """
CREATE TABLE repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE blobs (
    repository INTEGER NOT NULL REFERENCES repositories, digest TEXT NOT NULL,
    PRIMARY KEY (repository, digest)) STRICT, WITHOUT ROWID;
CREATE TABLE manifests (
    repository INTEGER NOT NULL REFERENCES repositories, digest TEXT NOT NULL,
    media_type TEXT NOT NULL, subject TEXT, artifact_type TEXT, descriptor TEXT,
    PRIMARY KEY (repository, digest)) STRICT;
CREATE INDEX manifests_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE tags (
    repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests ON DELETE CASCADE) STRICT, WITHOUT ROWID;
CREATE INDEX tags_in_order ON tags (repository, name COLLATE NOCASE, name);
CREATE INDEX tags_of_manifest ON tags (repository, digest);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO secrets VALUES ('uploads', randomblob(32));
"""
_MIGRATIONS: Final = (_FIRST,)
"""Statements that lead from version N to N + 1; a published one is never changed."""
_BUSY: Final = 30_000
"""Milliseconds to wait for another process."""
_FULL, _READ_ONLY, _CORRUPT = (13,), (8, 14), (11, 26)
"""Result codes: SQLITE_FULL; READONLY and CANTOPEN; CORRUPT and NOTADB."""


class DatabaseTooNew(Unsupported):
    """The database was written by a newer version of shale."""


class Database:
    """The open database. Safe to use from threads, and by several processes."""

    def __init__(self, path: Path) -> None:
        """Open it, make it where it is missing, and bring it to this version.

        Args:
            path: the file; chosen by the operator, never by a client.

        Raises:
            DatabaseTooNew: it needs a newer shale.
            DiskFull, NoPermission, Corrupt, Unavailable: the file cannot be used.
        """
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()
        with self._errors():
            self._writer = self._connect()
            try:
                self._migrate()
            except BaseException:
                self._writer.close()
                raise

    def close(self) -> None:
        """Close every connection."""
        with self._idle_lock, self._write_lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._writer.close()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with."""
        with self._idle_lock:
            connection = self._idle.pop() if self._idle else None
        with self._errors():
            connection = connection or self._connect()
            yield connection
        with self._idle_lock:
            self._idle.append(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction to write in: durable when the block ends well, undone when it raises."""
        with self._write_lock, self._errors():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.rollback()
                raise
            self._writer.commit()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self) -> int:
        with closing(self._writer.execute("PRAGMA user_version")) as cursor:
            (version,) = cursor.fetchone()
            return int(version)

    def _migrate(self) -> None:
        if self._version() > len(_MIGRATIONS):
            raise DatabaseTooNew(
                f"{self._path} has version {self._version()}, newer than the {len(_MIGRATIONS)} "
                "that is known here: use a newer shale"
            )
        # Asked again inside the transaction: another process may have been first.
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for number, statements in enumerate(_MIGRATIONS[self._version() :], start=self._version() + 1):
                for statement in filter(None, map(str.strip, statements.split(";"))):
                    self._writer.execute(statement)
                self._writer.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            self._writer.rollback()
            raise
        self._writer.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._kind(error) from error

    def _kind(self, error: sqlite3.DatabaseError) -> ShaleError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        said = f"{self._path}: {error}"
        if code in _FULL:
            return DiskFull(f"{said}; free some space and try again")
        if code in _READ_ONLY:
            return NoPermission(f"{said}; check who owns the folder")
        if code in _CORRUPT:
            return Corrupt(f"{said}; restore it from a backup")
        return Unavailable(said)
