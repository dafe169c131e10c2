"""What lies on disk, in bytes."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Final

import msgspec

from shale.oci.digest import Digest
from shale.store.database import Transaction
from shale.store.store import Store

__all__ = ["IngestSpace", "Space", "blob_space", "ingest_space", "layer_space", "root_blobs"]

_BELOW: Final = """
WITH RECURSIVE below (root, digest) AS (
    SELECT digest, digest FROM roots
    UNION SELECT below.root, edges.child FROM below JOIN edges ON edges.parent = below.digest
)
SELECT below.root, blobs.digest, blobs.size FROM below JOIN blobs ON blobs.digest = below.digest
"""


class Space(msgspec.Struct, frozen=True):
    """Blobs or mountable layers on disk: how many, and their bytes."""

    count: int
    size: int


class IngestSpace(msgspec.Struct, frozen=True):
    """Transfers that are not finished.

    Attributes:
        count: how many.
        active: how many of them somebody works on now.
        size: bytes that have come.
        idle_size: bytes of those that nobody works on; the next pull of the same image uses them.
    """

    count: int
    active: int
    size: int
    idle_size: int


def blob_space(store: Store) -> Space:
    """Count the files of blobs, recorded or not: what the disk has."""
    sizes = [status.st_size for digest in store.blobs if (status := store.blobs.status(digest)) is not None]
    return Space(len(sizes), sum(sizes))


def layer_space(store: Store) -> Space:
    """Count the mountable layers."""
    with store.database.read() as tx:
        sizes = [layer.size for layer in store.unpacked.all(tx)]
    return Space(len(sizes), sum(sizes))


def ingest_space(store: Store) -> IngestSpace:
    """Count the transfers that are not finished."""
    keys = os.listdir(store.root / "ingest")
    idle = set(store.ingests.abandoned(float("inf")))
    sizes = {key: store.ingests.bytes_kept(key) for key in keys}
    return IngestSpace(
        count=len(keys),
        active=len(keys) - len(idle.intersection(keys)),
        size=sum(sizes.values()),
        idle_size=sum(size for key, size in sizes.items() if key in idle),
    )


def root_blobs(tx: Transaction) -> dict[Digest, dict[Digest, int]]:
    """For every root, the blobs that it reaches, each with its bytes."""
    found: defaultdict[Digest, dict[Digest, int]] = defaultdict(dict)
    for root, digest, size in tx.rows(_BELOW):
        found[Digest.parse(root)][Digest.parse(digest)] = size
    return found
