"""Names: what a reference points at now, and what it pointed at before.

A name is a canonical reference. Tags move, and every move is logged in the transaction that makes it; names
by digest (`repository@sha256:...`) only say that the content is known under that repository.
"""

from __future__ import annotations

import time

import msgspec

from shale.errors import NotFound
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.store.database import Database, Transaction

__all__ = ["LogEntry", "Name", "NameNotFound", "Names"]


class NameNotFound(NotFound):
    """No image has that name in the store."""


class Name(msgspec.Struct, frozen=True):
    """A name and its target.

    Attributes:
        reference: with a tag, or with a digest.
        target: digest of the manifest or index.
        since: when it came to point there, seconds since the epoch.
    """

    reference: Reference
    target: Digest
    since: float


class LogEntry(msgspec.Struct, frozen=True):
    """One move of a name.

    Attributes:
        reference: the name.
        target: what it points at since; None where it was removed.
        at: when, seconds since the epoch.
        command: what did it, for a person: `pull nginx`.
    """

    reference: Reference
    target: Digest | None
    at: float
    command: str


class Names:
    """The names of a store. Safe to use from threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, reference: Reference) -> Name:
        """What a name points at.

        Raises:
            NameNotFound: nothing of that name.
        """
        with self._database.read() as tx:
            row = tx.row("SELECT digest, since FROM names WHERE name = ?", (str(reference),))
        if row is None:
            raise NameNotFound(f"no such image: {reference.familiar}")
        return Name(reference, Digest.parse(row[0]), row[1])

    def target(self, tx: Transaction, reference: Reference) -> Digest | None:
        """What a name points at, as a transaction sees it; None where there is no such name."""
        row = tx.row("SELECT digest FROM names WHERE name = ?", (str(reference),))
        return Digest.parse(row[0]) if row is not None else None

    def all(self) -> list[Name]:
        """Every name, in order of its text."""
        with self._database.read() as tx:
            rows = tx.rows("SELECT name, digest, since FROM names ORDER BY name")
        return [Name(Reference.parse(name), Digest.parse(digest), since) for name, digest, since in rows]

    def of(self, target: Digest) -> list[Reference]:
        """The names that point at a manifest or index."""
        with self._database.read() as tx:
            rows = tx.rows("SELECT name FROM names WHERE digest = ? ORDER BY name", (str(target),))
        return [Reference.parse(name) for (name,) in rows]

    def move(self, tx: Transaction, reference: Reference, target: Digest, command: str) -> bool:
        """Point a name at a target, which becomes a root; logged unless it pointed there already.

        Args:
            tx: the transaction; the target must be recorded in it or before it.
            reference: with a tag or with a digest, not both.
            target: digest of a manifest or an index.
            command: what does it, for the log.

        Returns:
            Whether it pointed elsewhere, or did not exist, before.
        """
        now = time.time()
        self.keep(tx, target)
        row = tx.row("SELECT digest FROM names WHERE name = ?", (str(reference),))
        if row is not None and row[0] == str(target):
            return False
        tx.run("INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (str(reference), str(target), now))
        if reference.tag is not None:
            self._log(tx, reference, target, now, command)
        return True

    def remove(self, tx: Transaction, reference: Reference, command: str) -> None:
        """Take a name away; its target stays a root.

        Raises:
            NameNotFound: nothing of that name.
        """
        if tx.run("DELETE FROM names WHERE name = ?", (str(reference),)) == 0:
            raise NameNotFound(f"no such image: {reference.familiar}")
        if reference.tag is not None:
            self._log(tx, reference, None, time.time(), command)

    def keep(self, tx: Transaction, target: Digest) -> None:
        """Make a manifest or an index a root: wanted, even without a name."""
        tx.run("INSERT OR IGNORE INTO roots VALUES (?, ?)", (str(target), time.time()))

    def forget(self, tx: Transaction, target: Digest) -> None:
        """Make it a root no more, unless a name points at it; what nothing reaches is for the collector."""
        tx.run(
            "DELETE FROM roots WHERE digest = ?1 AND digest NOT IN (SELECT digest FROM names)", (str(target),)
        )

    def log(self, reference: Reference | None = None) -> list[LogEntry]:
        """The moves of one name, or of all, the latest first."""
        where, parameters = ("WHERE name = ?", (str(reference),)) if reference else ("", ())
        with self._database.read() as tx:
            rows = tx.rows(
                f"SELECT name, digest, at, command FROM name_log {where} ORDER BY id DESC",  # noqa: S608 - one of two constants
                parameters,
            )
        return [
            LogEntry(Reference.parse(name), Digest.parse(digest) if digest else None, at, command)
            for name, digest, at, command in rows
        ]

    @staticmethod
    def _log(tx: Transaction, reference: Reference, target: Digest | None, at: float, command: str) -> None:
        tx.run(
            "INSERT INTO name_log (name, digest, at, command) VALUES (?, ?, ?, ?)",
            (str(reference), str(target) if target else None, at, command),
        )
