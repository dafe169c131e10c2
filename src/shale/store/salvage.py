"""What can still be read of a damaged database, checked value by value."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from shale.errors import Invalid
from shale.oci.digest import DiffID, Digest
from shale.oci.reference import Reference
from shale.store.actions import Action, Deed
from shale.store.database import Database

__all__ = ["salvage"]

Row = tuple[Any, ...]


def _name(row: Row) -> Row:
    return str(Reference.parse(row[0])), str(Digest.parse(row[1])), float(row[2])


def _log(row: Row) -> Row:
    target = None if row[1] is None else str(Digest.parse(row[1]))
    return str(Reference.parse(row[0])), target, float(row[2]), str(row[3])


def _layer(row: Row) -> Row:
    return str(Digest.parse(row[0])), str(DiffID.parse(row[1])), int(row[2]), int(row[3])


def _source(row: Row) -> Row:
    name = Reference.parse(f"{row[1]}/{row[2]}")
    return str(Digest.parse(row[0])), name.registry, name.repository, float(row[3])


def _unpacked(row: Row) -> Row:
    size, entries, loose = (int(value) for value in row[2:5])
    return str(DiffID.parse(row[0])), str(row[1]), size, entries, loose, str(row[5]), float(row[6]), int(row[7])


def _mount(row: Row) -> Row:
    return str(row[0]), str(Digest.parse(row[1])), str(row[2]), float(row[3])


_TABLES: Final[tuple[tuple[str, str, str, Callable[[Row], Row]], ...]] = (
    ("names", "SELECT name, digest, since FROM names", "INSERT OR IGNORE INTO names VALUES (?, ?, ?)", _name),
    (
        "moves of names",
        "SELECT name, digest, at, command FROM name_log ORDER BY id",
        "INSERT INTO name_log (name, digest, at, command) VALUES (?, ?, ?, ?)",
        _log,
    ),
    (
        "measurements of layers",
        "SELECT digest, diff_id, tar_size, content_size FROM layers",
        "INSERT OR IGNORE INTO layers SELECT ?1, ?2, ?3, ?4 WHERE ?1 IN (SELECT digest FROM blobs)",
        _layer,
    ),
    (
        "sources",
        "SELECT digest, registry, repository, seen FROM sources",
        "INSERT OR IGNORE INTO sources VALUES (?, ?, ?, ?)",
        _source,
    ),
    (
        "mountable layers",
        "SELECT diff_id, form, size, entries, loose, boot, written, synced FROM unpacked",
        "INSERT OR IGNORE INTO unpacked VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        _unpacked,
    ),
    (
        "mounts",
        "SELECT place, manifest, boot, since FROM mounts",
        "INSERT OR IGNORE INTO mounts VALUES (?, ?, ?, ?)",
        _mount,
    ),
)


def salvage(old: Path, database: Database) -> Iterator[Action]:
    """Take over what only a database knows, as far as it can be read.

    Args:
        old: the damaged file, which is not changed; none is fine.
        database: the new one, in which the blobs are recorded already.

    Returns:
        One action for each kind of thing that was taken over.
    """
    if not old.exists():
        return
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{old.absolute().as_uri()}?mode=ro", uri=True)) as source,
    ):
        source.execute("PRAGMA query_only=1")
        for what, select, insert, check in _TABLES:
            rows = list(_readable(source, select, check))
            with database.write() as tx:
                tx.run_many(insert, rows)
            if rows:
                yield Action(Deed.RESCUED, what, str(len(rows)))


def _readable(source: sqlite3.Connection, select: str, check: Callable[[Row], Row]) -> Iterator[Row]:
    """The rows up to where SQLite cannot go on, without those that make no sense."""
    with suppress(sqlite3.Error):
        for row in source.execute(select):
            with suppress(Invalid, ValueError, TypeError, AttributeError):
                yield check(row)
