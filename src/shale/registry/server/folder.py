"""The storage in one folder: blobs and uploads as the store keeps them, links in SQLite.

Format: docs/registry.md "On disk".
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from shale.errors import Conflict
from shale.linux.durable import disk_errors
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST, encode_document
from shale.oci.manifest import Index, Manifest
from shale.oci.mediatype import is_nondistributable
from shale.registry.server import links
from shale.registry.server.schema import MIGRATIONS
from shale.registry.server.sessions import UploadSession, UploadSessions
from shale.registry.server.storage import (
    BlobUnknown,
    ManifestBlobUnknown,
    ManifestUnknown,
    NewManifest,
    OpenBlob,
    Page,
    RepositoryUnknown,
    StoredManifest,
)
from shale.store.blobs import BlobNotFound, Blobs
from shale.store.database import Advice, Database
from shale.store.ingest import SizeMismatch
from shale.store.ingests import Ingests

__all__ = ["FolderInUse", "FolderStorage"]

_ADVICE: Final = Advice(
    damaged="put a copy of it back, or begin anew in another folder with --data and push again",
    elsewhere="--data",
)


class FolderInUse(Conflict):
    """The folder belongs to something else."""


class FolderStorage:
    """A registry's content in a folder. Safe to use from threads."""

    def __init__(self, folder: Path, *, most_uploads: int = 10_000) -> None:
        """Open the folder, making it where it is missing.

        Args:
            folder: chosen by the operator.
            most_uploads: how many uploads may be open in memory.

        Raises:
            FolderInUse: it is a store of shale.
            DiskFull, NoPermission, StorageFailure, NewerDatabase, Corrupt: it cannot be used.
        """
        folder = folder.absolute()
        with ExitStack() as undo, disk_errors(f"opening the registry's folder {folder}"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if (folder / "shale.db").exists():
                raise FolderInUse(
                    f"{folder} is a store of shale, whose prune would take the registry's blobs; choose another"
                )
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            undo.callback(os.close, root)
            self._blobs = Blobs(root)
            undo.callback(self._blobs.close)
            self._ingests = Ingests(root, self._blobs)
            undo.callback(self._ingests.close)
            # Two connections, because those who read should not wait for the commits of those who write.
            self._writing = Database(folder / "registry.db", MIGRATIONS, advice=_ADVICE)
            undo.callback(self._writing.close)
            self._reading = Database(folder / "registry.db", MIGRATIONS, advice=_ADVICE)
            undo.callback(self._reading.close)
            with self._reading.read() as tx:
                secret = links.upload_secret(tx)
            self._sessions = UploadSessions(self._ingests, secret, self._link, most_empty=most_uploads)
            undo.callback(self._sessions.close)
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Let go of everything; uploads under way stay on disk."""
        self._undo.close()

    def start_upload(self, repository: str) -> UploadSession:
        """See UploadStorage."""
        return self._sessions.start(repository)

    def resume_upload(self, repository: str, upload_id: str) -> UploadSession:
        """See UploadStorage."""
        return self._sessions.resume(repository, upload_id)

    def expire_uploads(self, older_than: float) -> int:
        """See UploadStorage."""
        return self._sessions.expire(older_than)

    def _link(self, repository: str, digest: Digest) -> None:
        with self._writing.write() as tx:
            links.add_blob(tx, repository, digest)

    def open_blob(self, repository: str, digest: Digest) -> OpenBlob:
        """See BlobStorage."""
        with self._reading.read() as tx:
            known = links.has_blob(tx, repository, digest)
        if not known:
            raise _blob_unknown(repository, digest)
        file = self._blobs.open(digest)
        return OpenBlob(file, os.fstat(file.fileno()).st_size)

    def mount_blob(self, repository: str, digest: Digest, source: str) -> None:
        """See BlobStorage."""
        with self._writing.write() as tx:
            if not links.has_blob(tx, source, digest) or not self._blobs.holds(digest):
                raise _blob_unknown(source, digest)
            links.add_blob(tx, repository, digest)

    def delete_blob(self, repository: str, digest: Digest) -> None:
        """See BlobStorage."""
        with self._writing.write() as tx:
            if not links.remove_blob(tx, repository, digest):
                raise _blob_unknown(repository, digest)

    def read_manifest(self, repository: str, reference: Digest | str) -> StoredManifest:
        """See ManifestStorage."""
        with self._reading.read() as tx:
            row = links.find_manifest(tx, repository, reference)
        if row is None:
            raise _manifest_unknown(repository, reference)
        return StoredManifest(row.digest, row.media_type, self._blobs.read(row.digest, MAX_MANIFEST))

    def put_manifest(self, repository: str, tag: str | None, manifest: NewManifest) -> None:
        """See ManifestStorage."""
        needed = _needed(manifest.document)
        digests = [one.digest for one in needed]
        with self._reading.read() as tx:
            missing = links.missing_content(tx, repository, digests)
        self._check_content(needed, missing)
        if not self._blobs.holds(manifest.digest, len(manifest.raw)):
            key = f"manifest-{secrets.token_hex(16)}"
            with self._ingests.open(key, algorithm=manifest.digest.algorithm) as ingest:
                ingest.write(manifest.raw)
                ingest.commit(manifest.digest)
        with self._writing.write() as tx:
            # Somebody may have deleted some of it while we wrote.
            if missing := links.missing_content(tx, repository, digests):
                raise ManifestBlobUnknown(missing)
            links.add_manifest(tx, repository, tag, _row(manifest))

    def _check_content(self, needed: tuple[Descriptor, ...], missing: list[Digest]) -> None:
        for one in needed:
            if one.digest in missing:
                continue
            try:
                size = self._blobs.size(one.digest)
            except BlobNotFound:
                missing.append(one.digest)
                continue
            if size != one.size:
                raise SizeMismatch(one.digest, one.size, size)
        if missing:
            raise ManifestBlobUnknown(missing)

    def delete_manifest(self, repository: str, reference: Digest | str) -> None:
        """See ManifestStorage."""
        with self._writing.write() as tx:
            if isinstance(reference, Digest):
                removed = links.remove_manifest(tx, repository, reference)
            else:
                removed = links.remove_tag(tx, repository, reference)
            if not removed:
                raise _manifest_unknown(repository, reference)

    def list_tags(self, repository: str, after: str, limit: int) -> Page:
        """See ManifestStorage."""
        with self._reading.read() as tx:
            if not links.repository_exists(tx, repository):
                raise RepositoryUnknown(
                    f"repository {repository} is not known here; push something to it first"
                )
            return links.page_of_tags(tx, repository, after, limit)

    def list_repositories(self, after: str, limit: int) -> Page:
        """See ManifestStorage."""
        with self._reading.read() as tx:
            return links.page_of_repositories(tx, after, limit)

    def list_referrers(self, repository: str, subject: Digest, artifact_type: str | None, after: str) -> Page:
        """See ManifestStorage."""
        with self._reading.read() as tx:
            return links.page_of_referrers(tx, repository, subject, artifact_type, after)


def _needed(document: Manifest | Index) -> tuple[Descriptor, ...]:
    """What must be here before the document: not the subject, nor layers that only their owner may serve."""
    return tuple(child for child in document.children if not is_nondistributable(child.media_type))


def _row(manifest: NewManifest) -> links.ManifestRow:
    """The row of a manifest; where it has a subject, with its entry in the list of referrers.

    distribution-spec "Listing Referrers": the artifact type is the document's own, or else the config's
    media type; annotations are copied.
    """
    document = manifest.document
    assert document.media_type is not None
    if document.subject is None:
        return links.ManifestRow(manifest.digest, document.media_type)
    artifact_type = document.artifact_type
    if not artifact_type and isinstance(document, Manifest):
        artifact_type = document.config.media_type
    entry = Descriptor(
        media_type=document.media_type,
        digest=manifest.digest,
        size=len(manifest.raw),
        artifact_type=artifact_type or None,
        annotations=document.annotations,
    )
    return links.ManifestRow(
        manifest.digest,
        document.media_type,
        document.subject.digest,
        artifact_type,
        encode_document(entry).decode(),
    )


def _blob_unknown(repository: str, digest: Digest) -> BlobUnknown:
    return BlobUnknown(
        f"blob {digest} is not in repository {repository}; push it, or mount it from where it is"
    )


def _manifest_unknown(repository: str, reference: Digest | str) -> ManifestUnknown:
    return ManifestUnknown(f"repository {repository} has no manifest {reference}")
