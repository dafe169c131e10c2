"""What the endpoints need of a storage: the port, its values and its errors.

Three small roles, so that an endpoint says what it uses; a storage has all of them. All calls may wait for a
disk (or, later, for an object store): the server makes them in threads, so every implementation is safe to
use from many threads at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from shale.errors import Conflict, Exhausted, NotFound
from shale.oci.digest import Digest
from shale.oci.manifest import Index, Manifest

__all__ = [
    "BlobStorage",
    "BlobUnknown",
    "ManifestBlobUnknown",
    "ManifestStorage",
    "ManifestUnknown",
    "NewManifest",
    "OpenBlob",
    "Page",
    "RegistryStorage",
    "RepositoryUnknown",
    "StoredManifest",
    "TooManyUploads",
    "Upload",
    "UploadBusy",
    "UploadStorage",
    "UploadUnknown",
]


class RepositoryUnknown(NotFound):
    """Nothing was ever pushed to that repository."""


class BlobUnknown(NotFound):
    """The repository does not have that blob (another one may)."""


class ManifestUnknown(NotFound):
    """The repository does not have that manifest or tag."""


class ManifestBlobUnknown(NotFound):
    """A manifest points at content that its repository does not have."""

    def __init__(self, missing: Sequence[Digest]) -> None:
        shown = ", ".join(str(digest) for digest in missing[:3])
        super().__init__(
            f"the manifest points at content that is not in this repository: {shown}; push it first"
        )
        self.missing = tuple(missing)


class UploadUnknown(NotFound):
    """There is no such upload: never begun here, finished, cancelled, or too old."""


class UploadBusy(Conflict):
    """Another request is working on the same upload."""


class TooManyUploads(Exhausted):
    """More uploads are open than the server accepts."""


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """A blob to read from; whoever asked for it closes `file`. `size` is in bytes."""

    file: BinaryIO
    size: int


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed."""

    digest: Digest
    media_type: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class NewManifest:
    """A manifest to keep: its bytes, their digest, and what they say."""

    digest: Digest
    raw: bytes
    document: Manifest | Index


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    Attributes:
        entries: names, or JSON documents.
        last: what to ask for the rest after; None where this is the end.
    """

    entries: tuple[str, ...]
    last: str | None = None


class Upload(Protocol):
    """One upload, held by one request until it is released."""

    @property
    def id(self) -> str:
        """The name of the upload, which its repository's clients know."""

    @property
    def offset(self) -> int:
        """How many bytes there are so far."""

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes."""

    def commit(self, digest: Digest) -> None:
        """Make the bytes a blob of the repository; the upload is over, also when this fails for the bytes.

        Raises:
            DigestMismatch: the bytes have another digest.
        """

    def cancel(self) -> None:
        """Drop the upload and its bytes."""

    def release(self) -> None:
        """Let another request have it; the bytes stay. Does not wait for a disk."""


class UploadStorage(Protocol):
    """Where blobs arrive."""

    def start_upload(self, repository: str) -> Upload:
        """Begin an upload and hold it.

        Raises:
            TooManyUploads: enough are open.
        """

    def resume_upload(self, repository: str, upload_id: str) -> Upload:
        """Hold an upload that was begun for this repository.

        Raises:
            UploadUnknown: there is none of that id in this repository.
            UploadBusy: another request holds it.
        """

    def expire_uploads(self, older_than: float) -> int:
        """Drop uploads that nobody touched since a time (seconds, epoch); how many there were."""


class BlobStorage(Protocol):
    """Which repository has which blob."""

    def open_blob(self, repository: str, digest: Digest) -> OpenBlob:
        """Open a blob of a repository.

        Raises:
            BlobUnknown: the repository does not have it.
        """

    def mount_blob(self, repository: str, digest: Digest, source: str) -> None:
        """Give a repository a blob that another one has.

        Raises:
            BlobUnknown: the source does not have it.
        """

    def delete_blob(self, repository: str, digest: Digest) -> None:
        """Take a blob away from a repository.

        Raises:
            BlobUnknown: the repository does not have it.
        """


class ManifestStorage(Protocol):
    """Manifests, their tags, and the lists of them."""

    def read_manifest(self, repository: str, reference: Digest | str) -> StoredManifest:
        """A manifest of a repository, by digest or tag.

        Raises:
            ManifestUnknown: the repository does not have it.
        """

    def put_manifest(self, repository: str, tag: str | None, manifest: NewManifest) -> None:
        """Keep a manifest, and point a tag at it, in one step.

        Raises:
            ManifestBlobUnknown: it points at content that the repository does not have.
            SizeMismatch: it gives another size than that content has.
        """

    def delete_manifest(self, repository: str, reference: Digest | str) -> None:
        """Take away a manifest and all its tags, or a single tag.

        Raises:
            ManifestUnknown: the repository does not have it.
        """

    def list_tags(self, repository: str, after: str, limit: int) -> Page:
        """Tags in order without regard to case, those behind `after`.

        Raises:
            RepositoryUnknown: there is no such repository.
        """

    def list_repositories(self, after: str, limit: int) -> Page:
        """Repositories in order, those behind `after`."""

    def list_referrers(self, repository: str, subject: Digest, artifact_type: str | None, after: str) -> Page:
        """Descriptors, as JSON, of the manifests with this subject, those behind a digest; bounded in bytes."""


class RegistryStorage(UploadStorage, BlobStorage, ManifestStorage, Protocol):
    """All that a registry keeps."""

    def close(self) -> None:
        """Let go of everything; uploads under way stay on disk."""
