"""A repository on a registry, as a source and a destination of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO, Final, Protocol

from shale.image.ports import BlobSink, Document, Outcome
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.manifest import detect_media_type
from shale.registry.client.client import RepositoryClient
from shale.registry.client.uploads import UploadSession

__all__ = ["RemoteRepository"]

_MOUNTS: Final = 3
"""How many repositories to try to mount a blob from; each costs a request."""


class MountCandidates(Protocol):
    """Tells from which repositories of the same registry a blob might be mounted."""

    def __call__(self, digest: Digest, /) -> Sequence[str]:
        """Repositories, the likeliest first."""


def _nowhere(_: Digest, /) -> Sequence[str]:
    return ()


class RemoteRepository:
    """One repository on a registry; a `Source` and a `Destination`."""

    def __init__(self, client: RepositoryClient, candidates: MountCandidates = _nowhere) -> None:
        """Prepare.

        Args:
            client: speaks to the repository.
            candidates: where a blob to be put might be mounted from.
        """
        self._client = client
        self._candidates = candidates

    def document(self, reference: Digest | str) -> Document:
        """A manifest or an index; what its bytes are is decided by its bytes (CVE-2021-41190).

        Raises:
            NotFound, Unauthorized, Denied, Unavailable, Corrupt, Invalid: see `Manifests.fetch`.
        """
        fetched = self._client.manifests.fetch(reference)
        what = f"manifest {fetched.digest}"
        return Document(
            fetched.raw, detect_media_type(fetched.raw, fetched.media_type, what=what), fetched.digest
        )

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring a blob into a sink; see `Blobs.fetch`."""
        self._client.blobs.fetch(descriptor, sink)

    def put_blob(
        self, descriptor: Descriptor, open_at: Callable[[int], BinaryIO], progress: Callable[[int], None]
    ) -> Outcome:
        """Bring a blob there: not at all where it is, by a mount where that works, else by an upload."""
        claimed = self.claim(descriptor)
        if isinstance(claimed, Outcome):
            return claimed
        self.upload(descriptor, open_at, progress, claimed)
        return Outcome()

    def claim(self, descriptor: Descriptor) -> Outcome | UploadSession | None:
        """Have a blob there without sending it, where that works.

        Returns:
            How it came to be there; otherwise the upload that the registry opened, if it opened one.
        """
        uploads = self._client.uploads
        if uploads.exists(descriptor.digest):
            return Outcome(existed=True)
        session = None
        for repository in self._candidates(descriptor.digest)[:_MOUNTS]:
            session = uploads.mount(descriptor.digest, repository)
            if session is None:
                return Outcome(mounted_from=repository)
        return session

    def upload(
        self,
        descriptor: Descriptor,
        open_at: Callable[[int], BinaryIO],
        progress: Callable[[int], None],
        session: UploadSession | None,
    ) -> None:
        """Send a blob; `session` is what `claim` gave."""
        self._client.uploads.put(descriptor, open_at, progress, session)

    def put_document(self, document: Document, tag: str | None = None) -> None:
        """Put a manifest or an index under a tag, or under its digest."""
        self._client.manifests.put(document.raw, document.media_type, tag or document.digest)
