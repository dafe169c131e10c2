"""The store: opens its parts on one root and hands them out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from shale.errors import Invalid
from shale.linux.durable import DiskFull, disk_errors, sync_folder
from shale.store.blobs import Blobs
from shale.store.database import Database
from shale.store.ingests import Ingests
from shale.store.layerfiles import LayerFiles
from shale.store.reserve import give_up_reserve, keep_reserve

if TYPE_CHECKING:
    from pathlib import Path

    from shale.store.collect import Collector
    from shale.store.content import Content
    from shale.store.leases import Leases
    from shale.store.names import Names
    from shale.store.unpacked import Unpacked

__all__ = ["DATABASE", "REBUILDING", "Store", "UnusableRoot", "open_store"]

DATABASE: Final = "shale.db"
REBUILDING: Final = f"{DATABASE}.rebuilding"
"""The old database while a new one is made (see `rebuild`); until that is done there is no database."""


class UnusableRoot(Invalid):
    """What should be the store's folder is a file, or below one, or cannot be made."""


class Store:
    """The parts of an open store. Those that only read and write its database are imported when they are used.

    Attributes:
        blobs: bytes by digest.
        ingests: transfers under way.
        database: transactions.
        layers: the files of mountable layers.
    """

    def __init__(
        self, folder: str, blobs: Blobs, ingests: Ingests, layers: LayerFiles, database: Database
    ) -> None:
        self._folder = folder
        self.blobs = blobs
        self.ingests = ingests
        self.layers = layers
        self.database = database

    @property
    def root(self) -> Path:
        """The folder."""
        from pathlib import Path  # noqa: PLC0415 - a list of images needs none

        return Path(self._folder)

    @property
    def content(self) -> Content:
        """The graph."""
        from shale.store.content import Content  # noqa: PLC0415 - a list of images reads no document

        return Content(self.database, self.blobs)

    @property
    def names(self) -> Names:
        """Names and their log."""
        from shale.store.names import Names  # noqa: PLC0415 - see above

        return Names(self.database)

    @property
    def leases(self) -> Leases:
        """What operations under way need."""
        from shale.store.leases import Leases  # noqa: PLC0415 - see above

        return Leases(self.database)

    @property
    def unpacked(self) -> Unpacked:
        """What is recorded of mountable layers."""
        from shale.store.unpacked import Unpacked  # noqa: PLC0415 - see above

        return Unpacked(self.database, self.layers)

    @property
    def collector(self) -> Collector:
        """What removes the rest."""
        from shale.store.collect import Collector  # noqa: PLC0415 - see above

        return Collector(self.blobs, self.leases, self.unpacked)


@contextmanager
def open_store(root: str | os.PathLike[str]) -> Iterator[Store]:
    """Open the store at a folder, making it where it is missing.

    Args:
        root: the folder; its parents are made too.

    Raises:
        UnusableRoot: there can be no folder.
        NoPermission, DiskFull, StorageFailure: the file system.
        NewerDatabase, DatabaseDamaged, DatabaseBusy: the database.
    """
    # Not normalised: what `..` leads to, only the kernel knows.
    root = os.fspath(root) if os.path.isabs(root) else os.path.join(os.getcwd(), root)
    with ExitStack() as stack:
        folder = _open_root(root)
        stack.callback(os.close, folder)
        path = os.path.join(root, DATABASE)
        old = os.path.exists(path)
        blobs = Blobs(folder, durable=old)
        stack.callback(blobs.close)
        ingests = Ingests(folder, blobs, durable=old)
        stack.callback(ingests.close)
        layers = LayerFiles(folder)
        stack.callback(layers.close)
        if not old:
            # The database comes last: where it is, the folders are durable. Whoever does not find it cannot
            # know whether the one who made the folders lived to sync them.
            blobs.sync_folders()
            _sync_above(root)

        def may_be_new() -> bool:
            return next(iter(blobs), None) is None and not os.path.exists(os.path.join(root, REBUILDING))

        try:
            database = Database(path, may_be_new=may_be_new)
        except DiskFull:
            if not give_up_reserve(folder):
                raise
            database = Database(path, may_be_new=may_be_new)
        stack.callback(database.close)
        keep_reserve(folder)
        yield Store(root, blobs, ingests, layers, database)


def _open_root(root: str) -> int:
    try:
        with disk_errors(f"opening the store at {root}"):
            os.makedirs(root, mode=0o700, exist_ok=True)
            return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnusableRoot(f"there can be no store at {root}: {reason}; choose a folder with --root") from error


def _sync_above(root: str) -> None:
    """Make the names of the root and of the folders above it durable; a folder that we cannot open is older."""
    with disk_errors(f"opening the store at {root}"):
        while (above := os.path.dirname(root)) != root:
            root = above
            with suppress(PermissionError):
                folder = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    sync_folder(folder)
                finally:
                    os.close(folder)
