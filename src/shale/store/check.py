"""The check: verifies every blob and every reference, while others pull and prune.

The rule that keeps it truthful without stopping anybody: what looks wrong is looked at once more inside a
write transaction, which excludes the collector (it unlinks inside its own), and only what is still wrong
then is reported. Rows speak only of durable files, so nothing that a puller does can look like damage there.

Memory is bounded: rows are read in pages, files in chunks; only findings are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from shale.oci.digest import Digest
from shale.store.checkblobs import BlobCheck
from shale.store.checkgraph import examine_manifest
from shale.store.checklayers import LayerCheck, VerifyLayer
from shale.store.collect import is_old
from shale.store.database import DatabaseDamaged, Transaction
from shale.store.findings import CheckProgress, CheckReport, Damage, Finding, Leftover
from shale.store.store import Store

__all__ = ["ABANDONED", "check"]

ABANDONED: Final = 24 * 3600.0
"""Seconds after which a transfer that nobody continues is called abandoned."""
_PAGE: Final = 100


def check(
    store: Store,
    *,
    read_data: bool = True,
    progress: Callable[[CheckProgress], None] = lambda _: None,
    verify_layer: VerifyLayer | None = None,
) -> CheckReport:
    """Verify a store; it changes nothing, and others may use the store meanwhile.

    Args:
        store: an open store. One whose database cannot be opened is for `rebuild.rebuild_database`.
        read_data: hash every blob; false looks at names, sizes and documents only.
        progress: called after every blob, from this thread; it may raise to stop.
        verify_layer: reads a mountable layer; None looks at their names only.

    Returns:
        What was found; a damaged database is a finding too, and ends the check.

    Raises:
        DatabaseBusy, StorageFailure, NoPermission: the check could not be made.
    """
    blobs = BlobCheck(store, read_data=read_data, progress=progress)
    layers = LayerCheck(store, verify_layer if read_data else None)
    found: list[Finding] = []
    try:
        found += [Finding(Damage.DATABASE, "shale.db", line) for line in store.database.damage()]
        found += blobs.run()
        found += _graph(store)
        found += _pointers(store)
        found += _leftovers(store)
        found += layers.run()
    except DatabaseDamaged as error:
        found.append(Finding(Damage.DATABASE, "shale.db", error.message))
    return CheckReport(
        damage=tuple(one for one in found if isinstance(one.kind, Damage)),
        leftovers=tuple(one for one in found if isinstance(one.kind, Leftover)),
        blobs=blobs.count,
        layers=layers.count,
        bytes_read=blobs.bytes_read,
    )


def _graph(store: Store) -> Iterator[Finding]:
    """Compare what is recorded of each manifest with the manifest, and look for its children."""
    last = ""
    while True:
        with store.database.read() as tx:
            page = tx.rows(
                "SELECT digest FROM manifests WHERE digest > ? ORDER BY digest LIMIT ?", (last, _PAGE)
            )
            suspects = [one for (one,) in page if examine_manifest(store.blobs, tx, Digest.parse(one))]
        for suspect in suspects:
            with store.database.write() as tx:
                findings = examine_manifest(store.blobs, tx, Digest.parse(suspect))
            yield from findings
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def _pointers(store: Store) -> Iterator[Finding]:
    """Names and roots that point nowhere; one view of the database, so there is nothing to look at again."""
    with store.database.read() as tx:
        names = tx.rows("SELECT name, digest FROM names WHERE digest NOT IN (SELECT digest FROM manifests)")
        roots = tx.rows(
            "SELECT digest FROM roots WHERE digest NOT IN (SELECT digest FROM manifests) "
            "AND digest NOT IN (SELECT digest FROM names)"
        )
    for name, digest in names:
        yield Finding(Damage.DANGLING_NAME, name, f"it should be {digest}", Digest.parse(digest))
    for (digest,) in roots:
        yield Finding(Damage.DANGLING_ROOT, digest, "", Digest.parse(digest))


def _leftovers(store: Store) -> Iterator[Finding]:
    now = time.time()
    yield from _unrecorded(store, now)
    with store.database.read() as tx:
        dead = [lease for lease in store.leases.all(tx) if lease.is_dead(now)]
        stale = _stale_rows(tx)
    for lease in dead:
        yield Finding(Leftover.DEAD_LEASE, lease.id, f"{lease.purpose}, process {lease.process.pid}")
    for digest in stale:
        yield Finding(Leftover.STALE_ROW, digest, "", Digest.parse(digest))
    for key in store.ingests.abandoned(now - ABANDONED):
        yield Finding(Leftover.ABANDONED_INGEST, key, f"{store.ingests.bytes_kept(key)} bytes")


def _stale_rows(tx: Transaction) -> list[str]:
    rows = tx.rows(
        "SELECT digest FROM layers WHERE digest NOT IN (SELECT digest FROM blobs) "
        "UNION SELECT parent FROM edges WHERE parent NOT IN (SELECT digest FROM manifests)"
    )
    return [digest for (digest,) in rows]


def _unrecorded(store: Store, now: float) -> Iterator[Finding]:
    """Files without a row that are past the grace in which their writer would have recorded them."""
    for digest in store.blobs:
        with store.database.read() as tx:
            known = tx.row(
                "SELECT 1 FROM blobs WHERE digest = ?1 UNION SELECT 1 FROM lease_content WHERE digest = ?1",
                (str(digest),),
            )
        if known is None and (status := store.blobs.status(digest)) and is_old(status.st_mtime, now):
            yield Finding(
                Leftover.UNRECORDED_FILE, str(digest), f"{status.st_size} bytes", digest, status.st_size
            )
