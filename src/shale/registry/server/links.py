"""Which repository has what: the rows of the database, and every question asked of them.

Functions inside a transaction; the caller decides what stands in one transaction.
Format: docs/registry.md "registry.db".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from shale.oci.digest import Digest
from shale.registry.server.storage import Page
from shale.store.database import Transaction

__all__ = [
    "ManifestRow",
    "add_blob",
    "add_manifest",
    "find_manifest",
    "has_blob",
    "missing_content",
    "page_of_referrers",
    "page_of_repositories",
    "page_of_tags",
    "remove_blob",
    "remove_manifest",
    "remove_tag",
    "repository_exists",
    "upload_secret",
]

_NOBODY: Final = 0
_PAGE_ENTRIES: Final = 1000
_PAGE_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """What is kept of a manifest besides its bytes; the last three only where it has a subject."""

    digest: Digest
    media_type: str
    subject: Digest | None = None
    artifact_type: str | None = None
    descriptor: str | None = None


def upload_secret(tx: Transaction) -> bytes:
    """What upload ids are signed with."""
    found = tx.row("SELECT value FROM secrets WHERE name = 'uploads'")
    assert found is not None
    return bytes(found[0])


def repository_exists(tx: Transaction, repository: str) -> bool:
    """Whether anything was ever pushed there."""
    return _find(tx, repository) != _NOBODY


def _find(tx: Transaction, repository: str) -> int:
    """The number of a repository; where there is none, a number that no row has."""
    row = tx.row("SELECT id FROM repositories WHERE name = ?", (repository,))
    return _NOBODY if row is None else int(row[0])


def _find_or_add(tx: Transaction, repository: str) -> int:
    tx.run("INSERT OR IGNORE INTO repositories (name) VALUES (?)", (repository,))
    return _find(tx, repository)


def has_blob(tx: Transaction, repository: str, digest: Digest) -> bool:
    """Whether a repository may serve a blob."""
    sql = "SELECT 1 FROM blobs WHERE repository = ? AND digest = ?"
    return tx.row(sql, (_find(tx, repository), str(digest))) is not None


def add_blob(tx: Transaction, repository: str, digest: Digest) -> None:
    """Give a repository a blob; its bytes are durable already."""
    number = _find_or_add(tx, repository)
    tx.run("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (number, str(digest)))


def remove_blob(tx: Transaction, repository: str, digest: Digest) -> bool:
    """Take a blob away; whether it was there."""
    sql = "DELETE FROM blobs WHERE repository = ? AND digest = ?"
    return tx.run(sql, (_find(tx, repository), str(digest))) > 0


def missing_content(tx: Transaction, repository: str, digests: Sequence[Digest]) -> list[Digest]:
    """Those of some digests that are neither a blob nor a manifest of the repository, in their order."""
    number = _find(tx, repository)
    sql = (
        "SELECT EXISTS (SELECT 1 FROM blobs WHERE repository = ?1 AND digest = ?2)"
        " OR EXISTS (SELECT 1 FROM manifests WHERE repository = ?1 AND digest = ?2)"
    )
    return [digest for digest in dict.fromkeys(digests) if tx.row(sql, (number, str(digest))) == (0,)]


def find_manifest(tx: Transaction, repository: str, reference: Digest | str) -> ManifestRow | None:
    """The manifest that a digest or a tag of a repository names."""
    if isinstance(reference, Digest):
        sql = "SELECT digest, media_type FROM manifests WHERE repository = ? AND digest = ?"
    else:
        sql = (
            "SELECT digest, media_type FROM tags JOIN manifests USING (repository, digest)"
            " WHERE repository = ? AND name = ?"
        )
    row = tx.row(sql, (_find(tx, repository), str(reference)))
    return None if row is None else ManifestRow(Digest.parse(row[0]), row[1])


def add_manifest(tx: Transaction, repository: str, tag: str | None, manifest: ManifestRow) -> None:
    """Give a repository a manifest, and point a tag at it."""
    number = _find_or_add(tx, repository)
    # Not INSERT OR REPLACE: that deletes the old row first, and all its tags would go with it.
    tx.run(
        "INSERT INTO manifests VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET media_type = excluded.media_type",
        (
            number,
            str(manifest.digest),
            manifest.media_type,
            None if manifest.subject is None else str(manifest.subject),
            manifest.artifact_type,
            manifest.descriptor,
        ),
    )
    if tag is not None:
        tx.run(
            "INSERT INTO tags VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest",
            (number, tag, str(manifest.digest)),
        )


def remove_manifest(tx: Transaction, repository: str, digest: Digest) -> bool:
    """Take a manifest away, and its tags with it; whether it was there."""
    sql = "DELETE FROM manifests WHERE repository = ? AND digest = ?"
    return tx.run(sql, (_find(tx, repository), str(digest))) > 0


def remove_tag(tx: Transaction, repository: str, tag: str) -> bool:
    """Take a tag away; whether it was there."""
    sql = "DELETE FROM tags WHERE repository = ? AND name = ?"
    return tx.run(sql, (_find(tx, repository), tag)) > 0


def page_of_tags(tx: Transaction, repository: str, after: str, limit: int) -> Page:
    """Tags in order without regard to case; where that is equal, in order of their bytes."""
    sql = (
        "SELECT name FROM tags WHERE repository = ?"
        " AND (name COLLATE NOCASE, name) > (?, ?) ORDER BY name COLLATE NOCASE, name LIMIT ?"
    )
    return _page(
        [row[0] for row in tx.rows(sql, (_find(tx, repository), after, after, limit + 1))],
        limit,
    )


def page_of_repositories(tx: Transaction, after: str, limit: int) -> Page:
    """Repositories in order of their bytes."""
    sql = "SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ?"
    return _page([row[0] for row in tx.rows(sql, (after, limit + 1))], limit)


def _page(names: list[str], limit: int) -> Page:
    entries = tuple(names[:limit])
    return Page(entries, entries[-1] if entries and len(names) > limit else None)


def page_of_referrers(
    tx: Transaction, repository: str, subject: Digest, artifact_type: str | None, after: str
) -> Page:
    """Descriptors of the manifests with a subject: as many as are a page's bytes, and at least one."""
    chosen = (
        "FROM manifests WHERE repository = ?1 AND subject = ?2 AND digest > ?3"
        " AND (?4 IS NULL OR artifact_type = ?4) ORDER BY digest LIMIT ?5"
    )
    what = (_find(tx, repository), str(subject), after, artifact_type)
    # Lengths first: a thousand descriptors may be gigabytes.
    sizes = [row[0] for row in tx.rows(f"SELECT length(descriptor) {chosen}", (*what, _PAGE_ENTRIES + 1))]
    totals = list(accumulate(sizes[:_PAGE_ENTRIES]))
    count = max(min(1, len(totals)), sum(total <= _PAGE_BYTES for total in totals))
    rows = tx.rows(f"SELECT descriptor, digest {chosen}", (*what, count))
    return Page(tuple(row[0] for row in rows), rows[-1][1] if rows and len(sizes) > count else None)
