"""A new database from the blobs, where SQLite cannot read the old one any more.

The bytes are the truth and are verified again, one by one. What only the database knew (names and their log,
what was measured of layers, where blobs came from) is taken over from the damaged file as far as SQLite can
still read it; images that have no name then are kept without one.

The order on disk, so that a kill at any point leads back here: the old file is moved to `shale.db.rebuilding`
(opening the store says from now on that the database is lost), the new one is made as `shale.db.new`, moved
into its place, and the old one becomes `shale.db.damaged-N`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Final

from shale.errors import Conflict, Invalid, Unavailable, Unsupported
from shale.linux.durable import disk_errors, sync_folder
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST
from shale.store.actions import Action, Deed
from shale.store.blobs import BlobDamaged, Blobs
from shale.store.content import Content
from shale.store.database import Database, DatabaseDamaged
from shale.store.salvage import salvage
from shale.store.store import DATABASE, REBUILDING

__all__ = ["RebuildUnderWay", "rebuild_database"]

_NEW: Final = f"{DATABASE}.new"


class RebuildUnderWay(Conflict):
    """Another process is making a new database for this store."""


def rebuild_database(root: Path) -> list[Action]:
    """Make a new database for a store whose own is damaged or lost; close the store before.

    Args:
        root: the store's folder.

    Returns:
        What was done; empty where the database is sound (another process has repaired it).

    Raises:
        RebuildUnderWay: another process does the same.
        DiskFull, NoPermission, StorageFailure: the disk; call it again, nothing is lost.
    """
    with ExitStack() as stack:
        with disk_errors(f"opening the store at {root}"):
            folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, folder)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RebuildUnderWay(f"another process is repairing {root}; wait for it") from None
        blobs = Blobs(folder)
        stack.callback(blobs.close)
        if not (root / REBUILDING).exists() and _is_sound(root, blobs):
            return []
        with disk_errors(f"making a new database in {root}"):
            _move_away(root, folder)
            for suffix in ("", "-wal", "-shm"):
                (root / (_NEW + suffix)).unlink(missing_ok=True)
            actions = list(_fill(root, blobs))
            os.rename(root / _NEW, root / DATABASE)
            sync_folder(folder)
            kept = _keep_old(root)
            sync_folder(folder)
    return [*actions, Action(Deed.REBUILT, DATABASE, f"the old one is {kept}" if kept else "")]


def _is_sound(root: Path, blobs: Blobs) -> bool:
    try:
        database = Database(root / DATABASE, may_be_new=lambda: next(iter(blobs), None) is None)
    except DatabaseDamaged:
        return False
    try:
        return not database.damage()
    except DatabaseDamaged:
        return False
    finally:
        database.close()


def _move_away(root: Path, folder: int) -> None:
    """Move the old file and its log, unless an earlier rebuild was killed after it had done so."""
    if not (root / REBUILDING).exists():
        with suppress(FileNotFoundError):
            os.rename(root / DATABASE, root / REBUILDING)
            sync_folder(folder)
    if not (root / f"{REBUILDING}-wal").exists():
        with suppress(FileNotFoundError):
            os.rename(root / f"{DATABASE}-wal", root / f"{REBUILDING}-wal")
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (root / name).unlink(missing_ok=True)
    sync_folder(folder)


def _keep_old(root: Path) -> str:
    """Give the old file its lasting name, for whoever wants to look into it; empty where there was none."""
    if not (root / REBUILDING).exists():
        return ""
    name = next(name for n in count(1) if not (root / (name := f"{DATABASE}.damaged-{n}")).exists())
    for suffix in ("-wal", ""):
        with suppress(FileNotFoundError):
            os.rename(root / (REBUILDING + suffix), root / (name + suffix))
    (root / f"{REBUILDING}-shm").unlink(missing_ok=True)
    log = root / f"{name}-wal"
    if log.exists() and log.stat().st_size == 0:  # made by reading, not by whoever used the database
        log.unlink()
    return name


def _fill(root: Path, blobs: Blobs) -> Iterator[Action]:
    database = Database(root / _NEW)
    try:
        content = Content(database, blobs)
        sizes: dict[Digest, int] = {}
        for digest in blobs:
            try:
                sizes[digest] = blobs.verify(digest)
            except (BlobDamaged, Unavailable) as error:
                blobs.set_aside(digest)
                yield Action(Deed.SET_ASIDE, str(digest), error.message)
        blobs.sync()
        with database.write() as tx:
            content.record_blobs(tx, sizes.items())
        yield from salvage(root / REBUILDING, database)
        documents = [digest for digest, size in sizes.items() if size <= MAX_MANIFEST]
        yield from _documents(database, content, documents)
    finally:
        database.close()


def _documents(database: Database, content: Content, candidates: list[Digest]) -> Iterator[Action]:
    """Record every manifest and every index, and keep those that nothing else keeps."""
    with database.write() as tx:
        for digest in candidates:
            with suppress(Invalid, Unsupported):  # most small blobs are something else
                content.record_from_blobs(tx, digest)
                yield Action(Deed.RECORDED, str(digest))
        tx.run("DELETE FROM names WHERE digest NOT IN (SELECT digest FROM manifests)")
        tx.run("INSERT OR IGNORE INTO roots SELECT digest, since FROM names")
        tx.run(
            "INSERT OR IGNORE INTO roots SELECT manifests.digest, blobs.added FROM manifests "
            "JOIN blobs ON blobs.digest = manifests.digest "
            "WHERE manifests.digest NOT IN (SELECT child FROM edges) "
            "AND (subject IS NULL OR subject NOT IN (SELECT digest FROM manifests))"
        )
