"""Questions about the graph that are asked upwards: who needs this blob, and who could have it."""

from __future__ import annotations

from typing import Final

from shale.oci.digest import Digest
from shale.oci.mediatype import DOCKER_MANIFEST_LIST, OCI_INDEX
from shale.oci.reference import Reference
from shale.store.content import Source
from shale.store.database import Transaction

__all__ = ["is_document", "is_leased", "is_needed", "likely_sources"]

_ABOVE: Final = """
WITH RECURSIVE above (digest) AS (
    SELECT ?
    UNION SELECT edges.parent FROM edges JOIN above ON edges.child = above.digest
    UNION SELECT manifests.subject FROM manifests JOIN above ON manifests.digest = above.digest
        WHERE manifests.subject IS NOT NULL
)
"""
_NEEDED: Final = (
    _ABOVE  # noqa: S608 - constants
    + "SELECT 1 FROM above WHERE digest IN (SELECT digest FROM roots UNION SELECT digest FROM names)"
)
_SEEN: Final = "SELECT registry, repository FROM sources WHERE digest = ? ORDER BY seen DESC"
_SEEN_ABOVE: Final = (
    _ABOVE  # noqa: S608 - constants
    + "SELECT registry, repository FROM sources WHERE digest IN above ORDER BY seen DESC"
)
_NAMES_ABOVE: Final = (
    _ABOVE + "SELECT name FROM names WHERE digest IN above ORDER BY since DESC"  # noqa: S608 - constants
)
_DOCUMENT: Final = """
SELECT 1 WHERE ?1 IN
    (SELECT digest FROM manifests UNION SELECT digest FROM names UNION SELECT digest FROM roots)
UNION SELECT 1 FROM edges JOIN manifests ON manifests.digest = edges.parent
    WHERE edges.child = ?1 AND manifests.media_type IN (?2, ?3)
"""


def is_needed(tx: Transaction, digest: Digest) -> bool:
    """Whether a root or a name reaches this content. A lease does not count: its holder may be bringing it."""
    return tx.row(_NEEDED, (str(digest),)) is not None


def is_leased(tx: Transaction, digest: Digest) -> bool:
    """Whether somebody's lease names this content."""
    return tx.row("SELECT 1 FROM lease_content WHERE digest = ?", (str(digest),)) is not None


def is_document(tx: Transaction, digest: Digest) -> bool:
    """Whether this content is a manifest or an index, as far as others say: registries serve it as such."""
    return tx.row(_DOCUMENT, (str(digest), OCI_INDEX, DOCKER_MANIFEST_LIST)) is not None


def likely_sources(tx: Transaction, digest: Digest) -> tuple[Source, ...]:
    """Repositories that may have this content, the most likely first.

    Those that were seen to have it, then those that were seen to have what needs it, then those whose names
    reach it.
    """
    key = (str(digest),)
    found = [Source(*row) for row in tx.rows(_SEEN, key) + tx.rows(_SEEN_ABOVE, key)]
    names = (Reference.parse(name) for (name,) in tx.rows(_NAMES_ABOVE, key))
    found += [Source(name.registry, name.repository) for name in names]
    return tuple(dict.fromkeys(found))
