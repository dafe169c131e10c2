"""The catalog: what images there are, read from the database alone, so that a list of thousands is instant."""

from __future__ import annotations

from typing import Final, NamedTuple

from shale.store.database import Transaction

__all__ = ["ImageRow", "image_rows"]

_ROWS: Final = """
WITH RECURSIVE below (root, digest) AS (
    SELECT roots.digest, edges.child FROM roots
        JOIN manifests ON manifests.digest = roots.digest AND manifests.image_id IS NULL
        JOIN edges ON edges.parent = roots.digest
    UNION SELECT below.root, edges.child FROM below
        JOIN manifests ON manifests.digest = below.digest AND manifests.image_id IS NULL
        JOIN edges ON edges.parent = below.digest
)
SELECT roots.digest, m.digest, m.image_id, m.platform, m.created, m.content_size, m.labels, roots.added,
    m.media_type
FROM roots JOIN manifests AS m ON m.digest = roots.digest
UNION ALL
SELECT roots.digest, m.digest, m.image_id, m.platform, m.created, m.content_size, m.labels, roots.added,
    m.media_type
FROM below JOIN roots ON roots.digest = below.root JOIN manifests AS m ON m.digest = below.digest
WHERE m.image_id IS NOT NULL AND m.digest != roots.digest
"""
"""Roots themselves need no walk, and nearly all are images: only what indexes name is walked to."""


class ImageRow(NamedTuple):
    """One manifest (or bare root) below one root, as text: nothing is parsed before it is needed.

    Attributes:
        target: digest of the root.
        manifest: digest of the manifest; the root itself where it is an artifact or an index.
        image_id: digest of the config; None where this is no image.
        platform: of the image.
        created: RFC 3339, as the config has it.
        size: bytes of the image's files.
        labels: JSON.
        added: when the root came into the store, seconds since the epoch.
        media_type: of the manifest.
    """

    target: str
    manifest: str
    image_id: str | None
    platform: str | None
    created: str | None
    size: int | None
    labels: str | None
    added: float
    media_type: str


def image_rows(tx: Transaction) -> list[ImageRow]:
    """Every image below every root; an index gives a row for itself and one for each image that is here."""
    return [ImageRow._make(row) for row in tx.rows(_ROWS)]
