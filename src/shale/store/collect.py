"""The collector: removes what nothing reaches, and what was made from it, under one write transaction.

See docs/formats.md "What is reachable" and "How collecting and pulling do not collide".
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from shale.linux.boot import boot_id
from shale.oci.digest import DiffID, Digest
from shale.store.blobs import Blobs
from shale.store.database import Transaction
from shale.store.leases import Leases
from shale.store.unpacked import Unpacked

__all__ = ["GRACE", "Collector", "Garbage", "is_old"]

GRACE: Final = 3600.0
"""Seconds that a file without a row is left alone: its writer may be about to record it."""

_UNREACHABLE: Final = """
WITH RECURSIVE reached (digest) AS (
    SELECT digest FROM roots
    UNION SELECT digest FROM names
    UNION SELECT digest FROM lease_content
    UNION SELECT manifest FROM containers
    UNION SELECT manifest FROM mounts
    UNION SELECT edges.child FROM edges JOIN reached ON edges.parent = reached.digest
    UNION SELECT manifests.digest FROM manifests JOIN reached ON manifests.subject = reached.digest
)
SELECT digest, size FROM blobs WHERE digest NOT IN reached ORDER BY digest
"""


class Garbage(msgspec.Struct, frozen=True):
    """What was collected, or would be.

    Attributes:
        blobs: each with its size in bytes.
        layers: mountable ones, each with its bytes on disk.
    """

    blobs: tuple[tuple[Digest, int], ...] = ()
    layers: tuple[tuple[DiffID, int], ...] = ()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(size for _, size in (*self.blobs, *self.layers))


class Collector:
    """Removes unreachable content."""

    def __init__(self, blobs: Blobs, leases: Leases, unpacked: Unpacked) -> None:
        self._blobs = blobs
        self._leases = leases
        self._unpacked = unpacked

    def collect(self, tx: Transaction, *, files: bool = True) -> Garbage:
        """Remove what is unreachable as this transaction sees it.

        Mountable layers are out of the way then, but may still take room: `LayerFiles.sweep` frees it.

        Args:
            tx: a write transaction; it must be committed right after this.
            files: false to leave the files alone, for a rehearsal that is rolled back.
        """
        self._leases.drop_dead(tx)
        tx.run("DELETE FROM mounts WHERE boot <> ?", (boot_id(),))
        found = [(Digest.parse(digest), size) for digest, size in tx.rows(_UNREACHABLE)]
        keys = [(str(digest),) for digest, _ in found]
        for statement in (
            "DELETE FROM blobs WHERE digest = ?",
            "DELETE FROM manifests WHERE digest = ?",
            "DELETE FROM edges WHERE parent = ?",
            "DELETE FROM layers WHERE digest = ?",
            "DELETE FROM sources WHERE digest = ?",
        ):
            tx.run_many(statement, keys)
        found += self._unrecorded(tx)
        layers = self._unpacked.collect(tx, files=files)
        if files:
            for digest, _ in found:
                self._blobs.remove(digest)
            if found:
                self._blobs.sync()
        return Garbage(tuple(found), layers)

    def _unrecorded(self, tx: Transaction) -> list[tuple[Digest, int]]:
        """Files that a killed process left between rename and row, and that no lease wants."""
        known = {
            digest for (digest,) in tx.rows("SELECT digest FROM blobs UNION SELECT digest FROM lease_content")
        }
        now = time.time()
        found = []
        for digest in self._blobs:
            if str(digest) in known:
                continue
            status = self._blobs.status(digest)
            if status is not None and is_old(status.st_mtime, now):
                found.append((digest, status.st_size))
        return found


def is_old(written: float, now: float) -> bool:
    """Whether a file without a row is past its grace; a time in the future was never true, so it is old."""
    return not now - GRACE <= written <= now + GRACE
