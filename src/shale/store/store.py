"""The store: opens its parts on one root and hands them out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shale.errors import Invalid
from shale.linux.durable import DiskFull, disk_errors, sync_folder
from shale.store.blobs import Blobs
from shale.store.collect import Collector
from shale.store.content import Content
from shale.store.database import Database
from shale.store.ingests import Ingests
from shale.store.layerfiles import LayerFiles
from shale.store.leases import Leases
from shale.store.names import Names
from shale.store.reserve import give_up_reserve, keep_reserve
from shale.store.unpacked import Unpacked

__all__ = ["DATABASE", "REBUILDING", "Store", "UnusableRoot", "open_store"]

DATABASE: Final = "shale.db"
REBUILDING: Final = f"{DATABASE}.rebuilding"
"""The old database while a new one is made (see `rebuild`); until that is done there is no database."""


class UnusableRoot(Invalid):
    """What should be the store's folder is a file, or below one, or cannot be made."""


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
        layers: the files of mountable layers.
        unpacked: what is recorded of them.
        collector: what removes the rest.
    """

    root: Path
    blobs: Blobs
    ingests: Ingests
    database: Database
    content: Content
    names: Names
    leases: Leases
    layers: LayerFiles
    unpacked: Unpacked
    collector: Collector


@contextmanager
def open_store(root: Path) -> Iterator[Store]:
    """Open the store at a folder, making it where it is missing.

    Args:
        root: the folder; its parents are made too.

    Raises:
        UnusableRoot: there can be no folder.
        NoPermission, DiskFull, StorageFailure: the file system.
        NewerDatabase, DatabaseDamaged, DatabaseBusy: the database.
    """
    with ExitStack() as stack:
        folder = _open_root(root)
        stack.callback(os.close, folder)
        blobs = Blobs(folder)
        stack.callback(blobs.close)
        ingests = Ingests(folder, blobs)
        stack.callback(ingests.close)
        layers = LayerFiles(folder)
        stack.callback(layers.close)
        path = root / DATABASE
        if not path.exists():
            # The database comes last: where it is, the folders are durable. Whoever does not find it cannot
            # know whether the one who made the folders lived to sync them.
            blobs.sync_folders()
            _sync_above(root)

        def may_be_new() -> bool:
            return next(iter(blobs), None) is None and not (root / REBUILDING).exists()

        try:
            database = Database(path, may_be_new=may_be_new)
        except DiskFull:
            if not give_up_reserve(folder):
                raise
            database = Database(path, may_be_new=may_be_new)
        stack.callback(database.close)
        keep_reserve(folder)
        leases = Leases(database)
        unpacked = Unpacked(database, layers)
        yield Store(
            root=root,
            blobs=blobs,
            ingests=ingests,
            database=database,
            content=Content(database, blobs),
            names=Names(database),
            leases=leases,
            layers=layers,
            unpacked=unpacked,
            collector=Collector(blobs, leases, unpacked),
        )


def _open_root(root: Path) -> int:
    try:
        with disk_errors(f"opening the store at {root}"):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnusableRoot(f"there can be no store at {root}: {reason}; choose a folder with --root") from error


def _sync_above(root: Path) -> None:
    """Make the names of the root and of the folders above it durable; a folder that we cannot open is older."""
    with disk_errors(f"opening the store at {root}"):
        for above in root.absolute().parents:
            with suppress(PermissionError):
                folder = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    sync_folder(folder)
                finally:
                    os.close(folder)
