"""The check's look at one manifest: do its rows say what it says, and is what it needs here."""

from __future__ import annotations

from collections.abc import Iterator

from shale.errors import Corrupt, Invalid, NotFound, Unsupported
from shale.oci import mediatype
from shale.oci.config import ImageConfig
from shale.oci.digest import Digest
from shale.oci.manifest import Index, Manifest
from shale.store.blobs import Blobs
from shale.store.content import edge_rows, manifest_row, read_documents
from shale.store.database import Transaction
from shale.store.findings import Damage, Finding, Leftover
from shale.store.reach import is_needed

__all__ = ["examine_manifest"]


def examine_manifest(blobs: Blobs, tx: Transaction, digest: Digest) -> list[Finding]:
    """Everything that is wrong with one recorded manifest, as a transaction sees it.

    What is wrong with the bytes of its blob is the business of the look at blobs, where that has a row.
    """
    if tx.row("SELECT 1 FROM manifests WHERE digest = ?", (str(digest),)) is None:
        return []
    needed = is_needed(tx, digest)
    if not _has_row(tx, digest):
        kind = Damage.MISSING_BLOB if needed else Leftover.STALE_ROW
        return [Finding(kind, str(digest), "the manifest's blob is not recorded", digest)]
    try:
        document, config = read_documents(blobs, digest)
    except (NotFound, Corrupt):
        return []
    except (Invalid, Unsupported) as error:
        return [Finding(Damage.UNREADABLE_MANIFEST, str(digest), error.message, digest)]
    found = list(_rows(tx, digest, document, config))
    if needed:
        found += _children(tx, digest, document)
        found += _layers(tx, digest, document, config)
    return found


def _has_row(tx: Transaction, digest: Digest) -> bool:
    return tx.row("SELECT 1 FROM blobs WHERE digest = ?", (str(digest),)) is not None


def _rows(
    tx: Transaction, digest: Digest, document: Manifest | Index, config: ImageConfig | None
) -> Iterator[Finding]:
    edges = tx.rows("SELECT * FROM edges WHERE parent = ? ORDER BY position", (str(digest),))
    row = tx.row("SELECT * FROM manifests WHERE digest = ?", (str(digest),))
    expected = manifest_row(tx, digest, document, config)
    if edges != edge_rows(digest, document):
        yield Finding(Damage.GRAPH, str(digest), "its children are recorded wrongly", digest)
    elif isinstance(document, Manifest) and document.is_image and config is None:
        return  # the config is missing or damaged, which is found elsewhere; the rest cannot be compared
    elif row != expected:
        yield Finding(Damage.GRAPH, str(digest), "its row is wrong", digest)


def _children(tx: Transaction, digest: Digest, document: Manifest | Index) -> Iterator[Finding]:
    """An image needs all of its blobs; an index is complete as soon as one of its platforms is here."""
    missing = [child for child in document.children if not _has_row(tx, child.digest)]
    if isinstance(document, Index) and len(missing) < len(document.children):
        return
    for child in missing:
        if not mediatype.is_nondistributable(child.media_type):
            yield Finding(
                Damage.MISSING_CHILD, str(digest), f"{child.digest} is missing", child.digest, child.size
            )


def _layers(
    tx: Transaction, digest: Digest, document: Manifest | Index, config: ImageConfig | None
) -> Iterator[Finding]:
    if not isinstance(document, Manifest) or not document.is_image or config is None:
        return
    diff_ids = config.rootfs.diff_ids
    for position, layer in enumerate(document.layers):
        if not mediatype.is_layer(layer.media_type) or not _has_row(tx, layer.digest):
            continue
        row = tx.row("SELECT diff_id FROM layers WHERE digest = ?", (str(layer.digest),))
        expected = str(diff_ids[position]) if len(diff_ids) == len(document.layers) else None
        if row is None:
            yield Finding(Damage.LAYER_FACTS, str(layer.digest), "missing", layer.digest, layer.size)
        elif expected is not None and row[0] != expected:
            detail = f"measured {row[0]}, image {digest.short} says {expected}"
            yield Finding(Damage.LAYER_FACTS, str(layer.digest), detail, layer.digest, layer.size)
