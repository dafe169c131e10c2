"""The graph of content: which blobs are here, and which of them needs which.

Rows are written only for files that are durable (see `ingest`), so a row is a promise; readers of bytes still
look at the file, because a disk may break a promise that a program kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from shale.errors import NotFound, ShaleError
from shale.oci.config import ImageConfig, parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import MAX_CONFIG, MAX_MANIFEST
from shale.oci.manifest import Index, Manifest, parse_manifest
from shale.oci.platform import format_full
from shale.store.blobs import Blobs
from shale.store.database import Database, Transaction

__all__ = [
    "Content",
    "LayerRecord",
    "ManifestNotFound",
    "Source",
    "edge_rows",
    "manifest_row",
    "read_documents",
]


_BELOW: Final = """
WITH RECURSIVE below (digest) AS (
    SELECT ? UNION SELECT edges.child FROM edges JOIN below ON edges.parent = below.digest
)
SELECT blobs.digest, blobs.size FROM blobs JOIN below ON blobs.digest = below.digest
"""


class ManifestNotFound(NotFound):
    """The store does not hold that manifest."""


class LayerRecord(msgspec.Struct, frozen=True):
    """What was measured of a layer while it was inflated.

    Attributes:
        digest: of the compressed bytes.
        diff_id: of the tar.
        tar_size: bytes of the tar.
        content_size: bytes of the files in it, which is what docker calls its size.
    """

    digest: Digest
    diff_id: DiffID
    tar_size: int
    content_size: int


class Source(msgspec.Struct, frozen=True):
    """A repository on a registry that was seen to have a blob."""

    registry: str
    repository: str


class Content:
    """What is here and what it needs. Safe to use from threads and processes."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def holds(self, digest: Digest, size: int | None = None) -> bool:
        """Whether a blob is recorded, and its file is here and has the size that was promised."""
        with self._database.read() as tx:
            row = tx.row("SELECT size FROM blobs WHERE digest = ?", (str(digest),))
        if row is None or (size is not None and row[0] != size):
            return False
        return self._blobs.holds(digest, row[0])

    def record_blobs(self, tx: Transaction, blobs: Iterable[tuple[Digest, int]]) -> None:
        """Say that these blobs are durable, each with its size in bytes."""
        now = time.time()
        tx.run_many(
            "INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE SET size = excluded.size",
            [(str(digest), size, now) for digest, size in blobs],
        )

    def record_layers(self, tx: Transaction, layers: Iterable[LayerRecord]) -> None:
        """Keep what was measured of layers."""
        tx.run_many(
            "INSERT OR REPLACE INTO layers VALUES (?, ?, ?, ?)",
            [(str(one.digest), str(one.diff_id), one.tar_size, one.content_size) for one in layers],
        )

    def record_manifest(
        self, tx: Transaction, digest: Digest, document: Manifest | Index, config: ImageConfig | None = None
    ) -> None:
        """Keep what a manifest or an index says, so that lists need not read it.

        Args:
            tx: the transaction; the rows of its blob and its layers must be in it or before it.
            digest: of the document.
            document: the document.
            config: the image's config, where the document is the manifest of an image.
        """
        tx.run("DELETE FROM edges WHERE parent = ?", (str(digest),))
        tx.run_many("INSERT INTO edges VALUES (?, ?, ?, ?)", edge_rows(digest, document))
        tx.run(
            "INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            manifest_row(tx, digest, document, config),
        )

    def record_from_blobs(self, tx: Transaction, digest: Digest) -> Manifest | Index:
        """Make the rows of a manifest anew from its bytes, and those of its config where that is here.

        Raises:
            BlobNotFound, BlobDamaged, InvalidDocument, SchemaOne: the manifest's own bytes.
        """
        document, config = read_documents(self._blobs, digest)
        self.record_manifest(tx, digest, document, config)
        return document

    def record_source(self, tx: Transaction, source: Source, digests: Iterable[Digest]) -> None:
        """Remember that a repository has these blobs: for mounting at a push, and for healing."""
        now = time.time()
        tx.run_many(
            "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?)",
            [(str(digest), source.registry, source.repository, now) for digest in digests],
        )

    def sources(self, digest: Digest) -> list[Source]:
        """Where a blob was seen, the latest first."""
        with self._database.read() as tx:
            rows = tx.rows(
                "SELECT registry, repository FROM sources WHERE digest = ? ORDER BY seen DESC", (str(digest),)
            )
        return [Source(registry, repository) for registry, repository in rows]

    def manifest(self, digest: Digest) -> Manifest | Index:
        """A manifest or an index, read from its blob and verified.

        Raises:
            ManifestNotFound: it is not recorded here.
            BlobNotFound, BlobDamaged, InvalidDocument: recorded, but its file is gone or damaged.
        """
        with self._database.read() as tx:
            row = tx.row("SELECT media_type FROM manifests WHERE digest = ?", (str(digest),))
        if row is None:
            raise ManifestNotFound(f"manifest {digest} is not in the store; pull the image again")
        return parse_manifest(self._blobs.read(digest, MAX_MANIFEST), row[0])

    def has_manifest(self, digest: Digest) -> bool:
        """Whether a manifest or an index of this digest is recorded and its file is here."""
        with self._database.read() as tx:
            row = tx.row("SELECT 1 FROM manifests WHERE digest = ?", (str(digest),))
        return row is not None and self.holds(digest)

    def is_whole(self, tx: Transaction, digest: Digest) -> bool:
        """Whether a manifest or an index is recorded, and nothing of what is recorded below it lacks its file.

        In a write transaction this is the last word: no collector is at work, and one that was killed half
        way through what nothing reached has left rows without files.
        """
        if tx.row("SELECT 1 FROM manifests WHERE digest = ?", (str(digest),)) is None:
            return False
        rows = tx.rows(_BELOW, (str(digest),))
        return all(self._blobs.holds(Digest.parse(one), size) for one, size in rows)

    def is_complete(self, document: Manifest) -> bool:
        """Whether everything that a manifest needs is here."""
        return all(self.holds(child.digest, child.size) for child in document.children)

    def layers(self, descriptors: Sequence[Descriptor]) -> dict[Digest, LayerRecord]:
        """The records of those of the layers that have one."""
        # As one value: a manifest may have more layers than SQLite takes parameters.
        digests = msgspec.json.encode([str(one.digest) for one in descriptors]).decode()
        with self._database.read() as tx:
            rows = tx.rows(
                "SELECT digest, diff_id, tar_size, content_size FROM layers"
                " WHERE digest IN (SELECT value FROM json_each(?))",
                (digests,),
            )
        records = (LayerRecord(Digest.parse(d), DiffID.parse(i), t, c) for d, i, t, c in rows)
        return {record.digest: record for record in records}


def edge_rows(digest: Digest, document: Manifest | Index) -> list[tuple[str, str, int, str | None]]:
    """The rows of `edges` that belong to a document, in the order of `position`."""
    return [
        (str(digest), str(child.digest), position, str(child.platform) if child.platform else None)
        for position, child in enumerate(document.children)
    ]


def manifest_row(
    tx: Transaction, digest: Digest, document: Manifest | Index, config: ImageConfig | None
) -> tuple[str | int | None, ...]:
    """The row of `manifests` that belongs to a document; sizes come from the layers recorded already."""
    image_id = platform = created = labels = size = None
    if isinstance(document, Manifest) and config is not None:
        image_id, platform, created = str(document.config.digest), format_full(config.platform), config.created
        if config.config and config.config.labels:
            import json  # noqa: PLC0415 - a list of images only reads

            labels = json.dumps(config.config.labels)
        (size,) = tx.rows(
            "SELECT coalesce(sum(content_size), 0) FROM edges JOIN layers ON digest = child WHERE parent = ?",
            (str(digest),),
        )[0]
    subject = str(document.subject.digest) if document.subject else None
    return (
        str(digest), document.media_type, image_id, platform, created, size, labels, subject,
        document.artifact_type,
    )  # fmt: skip


def read_documents(blobs: Blobs, digest: Digest) -> tuple[Manifest | Index, ImageConfig | None]:
    """A manifest or an index from its bytes, and the config where it is an image whose config can be read.

    Raises:
        BlobNotFound, BlobDamaged, InvalidDocument, SchemaOne: the manifest's own bytes.
    """
    document = parse_manifest(blobs.read(digest, MAX_MANIFEST), what=f"manifest {digest}")
    if isinstance(document, Manifest) and document.is_image:
        with suppress(ShaleError):
            return document, parse_config(blobs.read(document.config.digest, MAX_CONFIG))
    return document, None
