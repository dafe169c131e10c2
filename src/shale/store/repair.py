"""The repair: heals what a check found, and says what it did.

- Bytes that are wrong leave `blobs/` first, so that the blob counts as missing (for every other process too)
  and can come again; they are kept in `damaged/` until the right ones have come.
- Nothing is believed of a report that may be old: each finding is looked at again before it is acted on.
- Nothing that a name says is thrown away: a name whose image cannot be fetched stays, and is reported.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from shale.errors import Cancelled, ShaleError, Unavailable
from shale.oci.digest import Digest
from shale.store.actions import Action, Deed, Fetch, Measure, Wanted
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.check import check
from shale.store.collect import is_old
from shale.store.database import DatabaseBusy, DatabaseDamaged, Transaction
from shale.store.findings import CheckReport, Damage, Finding, Leftover
from shale.store.heallayers import OF_LAYERS, heal_layer
from shale.store.leases import Lease
from shale.store.reach import is_document, is_leased, is_needed, likely_sources
from shale.store.store import Store

__all__ = ["repair"]

_ROUNDS = 8
"""An index fetched again leads to its manifest, that to its config and layers, those to their facts."""


def repair(store: Store, report: CheckReport, fetch: Fetch, measure: Measure) -> list[Action]:
    """Heal what can be healed; others may use the store meanwhile.

    Args:
        store: the store that was checked.
        report: what the check found.
        fetch: brings a lost blob from where it came.
        measure: measures a layer again.

    Returns:
        What was done, in order; what could not be healed is an action too.

    Raises:
        DatabaseDamaged: close the store, call `rebuild.rebuild_database`, then check again.
        DatabaseBusy, Cancelled: stopped; what was done is done, call it again.
    """
    actions: list[Action] = []
    attempted: set[tuple[object, ...]] = set()
    pending: Iterable[Finding] = (*report.damage, *report.leftovers)
    with store.leases.hold("store check --repair") as lease:
        healer = _Healer(store, lease, fetch, measure)
        for _ in range(_ROUNDS):
            fresh = [one for one in pending if _key(one) not in attempted]
            if not fresh:
                break
            for finding in fresh:
                attempted.add(_key(finding))
                actions += healer.heal(finding)
            pending = check(store, read_data=False).damage
    return actions


def _key(finding: Finding) -> tuple[object, ...]:
    return finding.kind, finding.subject, finding.digest


class _Healer:
    """Heals one finding at a time, under the repair's lease."""

    def __init__(self, store: Store, lease: Lease, fetch: Fetch, measure: Measure) -> None:
        self._store = store
        self._lease = lease
        self._fetch = fetch
        self._measure = measure

    def heal(self, finding: Finding) -> Iterator[Action]:
        """Do what is to be done about a finding, and tell it."""
        try:
            if finding.kind in OF_LAYERS:
                yield from heal_layer(self._store, finding)
            else:
                yield from self._attempt(finding)
        except (Cancelled, DatabaseBusy, DatabaseDamaged):
            raise
        except ShaleError as error:
            yield Action(Deed.NOT_HEALED, finding.subject, error.message)

    def _attempt(self, finding: Finding) -> Iterator[Action]:
        digest = finding.digest
        match finding.kind:
            case Damage.DATABASE:
                yield from self._reindex()
            case Leftover.DEAD_LEASE:
                with self._store.database.write() as tx:
                    dropped = self._store.leases.drop_dead(tx)
                yield from (Action(Deed.REMOVED, lease.id, f"lease of {lease.purpose}") for lease in dropped)
            case Leftover.ABANDONED_INGEST:
                yield from self._discard(finding.subject)
            case Damage.UNREADABLE_MANIFEST:
                detail = "its bytes are what its digest says: remove the image"
                yield Action(Deed.NOT_HEALED, finding.subject, detail)
            case Damage.GRAPH if digest is not None:
                yield self._record(digest)
            case Damage.LAYER_FACTS if digest is not None:
                yield from self._measure_again(digest)
            case Damage.DANGLING_ROOT if digest is not None and not self._sources(digest):
                with self._store.database.write() as tx:
                    self._store.names.forget(tx, digest)
                yield Action(Deed.REMOVED, finding.subject, "nothing of it is left, and no registry is known")
            case Damage() if digest is not None:
                yield from self._bring(digest, finding.size)
            case Leftover() if digest is not None:
                yield from self._drop(digest)

    def _reindex(self) -> Iterator[Action]:
        """A wrong index can be made anew in place; any other damage needs a new file."""
        if not self._store.database.damage():
            return  # it was one of several findings about the same index
        with self._store.database.write() as tx:
            tx.run("REINDEX")
        if left := self._store.database.damage():
            raise DatabaseDamaged(f"the database is damaged: {left[0]}")
        yield Action(Deed.REBUILT, "shale.db", "its indexes")

    def _discard(self, key: str) -> Iterator[Action]:
        try:
            ingest = self._store.ingests.open(key, patience=0)
        except Unavailable:
            return  # somebody has taken it up after all
        with ingest:
            ingest.discard()
        yield Action(Deed.REMOVED, key, "transfer")

    def _record(self, digest: Digest) -> Action:
        with self._store.database.write() as tx:
            self._store.content.record_from_blobs(tx, digest)
        return Action(Deed.RECORDED, str(digest))

    def _measure_again(self, digest: Digest) -> Iterator[Action]:
        self._lease.protect([digest])
        record = self._measure(digest)
        with self._store.database.write() as tx:
            self._store.content.record_layers(tx, [record])
            parents = tx.rows("SELECT DISTINCT parent FROM edges WHERE child = ?", (str(digest),))
        yield Action(Deed.MEASURED, str(digest))
        for (parent,) in parents:  # their sizes are sums of what was measured
            yield self._record(Digest.parse(parent))

    def _sources(self, digest: Digest) -> bool:
        with self._store.database.read() as tx:
            return bool(likely_sources(tx, digest))

    def _bring(self, digest: Digest, size: int | None) -> Iterator[Action]:
        """Make a blob good: by looking again, by removing it where nobody needs it, or by fetching it."""
        with self._store.database.write() as tx:
            wanted = is_needed(tx, digest) or is_leased(tx, digest)
            document = is_document(tx, digest)
            sources = likely_sources(tx, digest)
            if not wanted:
                self._forget(tx, digest)
                self._store.blobs.remove(digest)
        if not wanted:
            yield Action(Deed.REMOVED, str(digest), "nothing needs it")
            return
        self._lease.protect([digest])
        deed = Deed.RECORDED
        if not self._is_good(digest):
            if not sources:
                yield Action(Deed.NOT_HEALED, str(digest), "no registry is known that has it; load it again")
                return
            self._fetch(Wanted(digest, size, document, sources))
            deed = Deed.FETCHED
        size = self._store.blobs.size(digest)
        with self._store.database.write() as tx:
            self._store.content.record_blobs(tx, [(digest, size)])
            if document:
                self._store.content.record_from_blobs(tx, digest)
        self._store.blobs.drop_aside(digest)
        yield Action(deed, str(digest), f"{size} bytes")

    def _is_good(self, digest: Digest) -> bool:
        """Whether the blob is here and right; a file that is not is moved aside."""
        try:
            self._store.blobs.adopt(digest)
        except BlobNotFound:
            return False
        except (BlobDamaged, Unavailable):
            self._store.blobs.set_aside(digest)
            return False
        return True

    def _drop(self, digest: Digest) -> Iterator[Action]:
        """Remove a leftover, unless it has become something in the meantime."""
        with self._store.database.write() as tx:
            recorded = tx.row("SELECT 1 FROM blobs WHERE digest = ?", (str(digest),)) is not None
            status = self._store.blobs.status(digest)
            young = status is not None and not is_old(status.st_mtime, time.time())
            if (recorded and status) or young or is_needed(tx, digest) or is_leased(tx, digest):
                return
            self._forget(tx, digest)
            self._store.blobs.remove(digest)
        yield Action(Deed.REMOVED, str(digest))

    @staticmethod
    def _forget(tx: Transaction, digest: Digest) -> None:
        for statement in (
            "DELETE FROM blobs WHERE digest = ?",
            "DELETE FROM manifests WHERE digest = ?",
            "DELETE FROM edges WHERE parent = ?",
            "DELETE FROM layers WHERE digest = ?",
        ):
            tx.run(statement, (str(digest),))
