"""The store: opens its parts on one root and hands them out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shale.linux.durable import disk_errors
from shale.store.blobs import Blobs
from shale.store.collect import Collector
from shale.store.content import Content
from shale.store.database import Database
from shale.store.ingest import Ingests
from shale.store.leases import Leases
from shale.store.names import Names

__all__ = ["Store", "open_store"]


@dataclass(frozen=True, slots=True)
class Store:
    """The parts of an open store; fields, no verbs.

    Attributes:
        root: the folder.
        blobs: bytes by digest.
        ingests: transfers under way.
        database: transactions.
        content: the graph.
        names: names and their log.
        leases: what operations under way need.
        collector: what removes the rest.
    """

    root: Path
    blobs: Blobs
    ingests: Ingests
    database: Database
    content: Content
    names: Names
    leases: Leases
    collector: Collector


@contextmanager
def open_store(root: Path) -> Iterator[Store]:
    """Open the store at a folder, making it where it is missing.

    Args:
        root: the folder; its parents are made too.

    Raises:
        NoPermission, DiskFull, StorageFailure: the file system.
        NewerDatabase, DatabaseDamaged, DatabaseBusy: the database.
    """
    with ExitStack() as stack:
        with disk_errors(f"opening the store at {root}"):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, folder)
        blobs = Blobs(folder)
        stack.callback(blobs.close)
        ingests = Ingests(folder, blobs)
        stack.callback(ingests.close)
        database = Database(root / "shale.db")
        stack.callback(database.close)
        leases = Leases(database)
        yield Store(
            root=root,
            blobs=blobs,
            ingests=ingests,
            database=database,
            content=Content(database, blobs),
            names=Names(database),
            leases=leases,
            collector=Collector(blobs, leases),
        )
