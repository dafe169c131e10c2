"""Leases: what an operation under way must not lose to the collector.

A lease belongs to a process and dies with it, in a power cut at the latest: so it never waits for the disk. The
rule that makes collecting safe: write the lease first, look for the content afterwards (docs/formats.md "How
collecting and pulling do not collide").
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import msgspec

from shale.errors import ShaleError
from shale.linux.boot import ProcessIdentity, current_process, is_alive
from shale.oci.digest import Digest
from shale.store.database import Database, Transaction

__all__ = ["Lease", "LeaseRecord", "Leases"]

_LIFETIME: Final = 7 * 24 * 3600.0
"""Seconds; counts only where nobody can see whether the process lives."""


class LeaseRecord(msgspec.Struct, frozen=True):
    """A lease as the database has it.

    Attributes:
        id: its key.
        process: whose it is.
        expires: seconds since the epoch.
        purpose: for a person: `pull nginx`.
    """

    id: str
    process: ProcessIdentity
    expires: float
    purpose: str

    def is_dead(self, now: float) -> bool:
        """Whether nobody can be using it any more."""
        alive = is_alive(self.process)
        return now > self.expires if alive is None else not alive


class Lease:
    """A lease that we hold; use it as a context manager, leaving it gives it up."""

    def __init__(self, database: Database, purpose: str) -> None:
        self._database = database
        self._purpose = purpose
        self._id = os.urandom(16).hex()

    def __enter__(self) -> Self:
        process = current_process()
        row = (
            self._id, process.boot, process.namespace, process.pid, process.started,
            time.time() + _LIFETIME, self._purpose,
        )  # fmt: skip
        with self._database.write(durable=False) as tx:
            tx.run("INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._database.write(durable=False) as tx:
                self.give_up(tx)
        except ShaleError:
            # The lease dies with the process. Say what went wrong first, not what came of it (a full disk).
            if error is None:
                raise

    def give_up(self, tx: Transaction) -> None:
        """End the lease inside a transaction, for example the one that makes its content reachable."""
        tx.run("DELETE FROM leases WHERE id = ?", (self._id,))

    def protect(self, digests: Iterable[Digest]) -> None:
        """Keep these from the collector; call it before looking whether they are here."""
        with self._database.write(durable=False) as tx:
            tx.run_many(
                "INSERT OR IGNORE INTO lease_content VALUES (?, ?)",
                [(self._id, str(digest)) for digest in digests],
            )


class Leases:
    """The leases of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, purpose: str) -> Lease:
        """A new lease of this process, held from `with` on."""
        return Lease(self._database, purpose)

    def all(self, tx: Transaction) -> list[LeaseRecord]:
        """Every lease, dead or living."""
        return [
            LeaseRecord(key, ProcessIdentity(boot, namespace, pid, started), expires, purpose)
            for key, boot, namespace, pid, started, expires, purpose in tx.rows("SELECT * FROM leases")
        ]

    def drop_dead(self, tx: Transaction) -> list[LeaseRecord]:
        """Remove the leases of processes that are gone, and nothing else."""
        now = time.time()
        dead = [lease for lease in self.all(tx) if lease.is_dead(now)]
        tx.run_many("DELETE FROM leases WHERE id = ?", [(lease.id,) for lease in dead])
        return dead
