"""Blobs: immutable bytes under their digest, in the folder of an OCI image layout.

Invariants:
- A file in `blobs/` holds exactly the bytes of its name: it gets there by one rename, after its bytes were
  hashed, compared and synced. Nothing ever writes to it again (mode 0444).
- No path is made from text that was not a parsed Digest.

Format: docs/formats.md "blobs". Specification: image-spec image-layout.md "Blobs".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from shale.errors import Corrupt, Invalid, NotFound
from shale.linux.durable import disk_errors, make_folder, sync_folder
from shale.oci.digest import Digest

__all__ = ["BlobDamaged", "BlobNotFound", "Blobs"]


class BlobNotFound(NotFound):
    """The store does not hold that blob."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob {digest} is not in the store; pull the image again")
        self.digest = digest


class BlobDamaged(Corrupt):
    """The bytes of a stored blob are not those of its digest."""

    def __init__(self, digest: Digest, reason: str) -> None:
        super().__init__(f"blob {digest} is damaged: {reason}; run shale store check --repair")
        self.digest = digest


class Blobs:
    """The content of the store, by digest. Safe to use from threads and from many processes."""

    def __init__(self, root: int) -> None:
        """Open the blobs below a root.

        Args:
            root: descriptor of the store's folder; it stays the caller's.
        """
        with disk_errors("opening the store's blobs"):
            self._folder = make_folder(root, "blobs")
            self._algorithms = {name: make_folder(self._folder, name) for name in ("sha256", "sha512")}

    def close(self) -> None:
        """Let go of the folders."""
        for folder in self._algorithms.values():
            os.close(folder)
        os.close(self._folder)

    def folder_of(self, digest: Digest) -> int:
        """Descriptor of the folder in which a blob lies under `digest.encoded`; it stays ours."""
        return self._algorithms[digest.algorithm]

    def size(self, digest: Digest) -> int:
        """The size of a blob, in bytes.

        Raises:
            BlobNotFound: it is not here.
        """
        try:
            return os.stat(digest.encoded, dir_fd=self.folder_of(digest), follow_symlinks=False).st_size
        except FileNotFoundError:
            raise BlobNotFound(digest) from None

    def holds(self, digest: Digest, size: int | None = None) -> bool:
        """Whether a blob is here, and, where a size is given, has that size (a cheap check for damage)."""
        try:
            found = self.size(digest)
        except BlobNotFound:
            return False
        return size is None or found == size

    def open(self, digest: Digest) -> BinaryIO:
        """Open a blob for reading; unbuffered, the caller closes it.

        Raises:
            BlobNotFound: it is not here.
        """
        try:
            handle = os.open(
                digest.encoded, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder_of(digest)
            )
        except FileNotFoundError:
            raise BlobNotFound(digest) from None
        return os.fdopen(handle, "rb", buffering=0)

    def read(self, digest: Digest, limit: int) -> bytes:
        """A small blob whole, verified against its digest: manifests and configs.

        Args:
            digest: which blob.
            limit: the most bytes to accept.

        Raises:
            BlobNotFound: it is not here.
            BlobDamaged: its bytes have changed.
            Invalid: it is larger than the limit.
        """
        with self.open(digest) as blob:
            size = os.fstat(blob.fileno()).st_size
            if size > limit:
                raise Invalid(f"blob {digest} has {size} bytes, more than the {limit} of a document")
            content = bytearray()
            while chunk := blob.read(limit + 1 - len(content)):
                content += chunk
        hasher = digest.new_hasher()
        hasher.update(content)
        if hasher.hexdigest() != digest.encoded:
            raise BlobDamaged(digest, "its bytes have another digest")
        return bytes(content)

    def remove(self, digest: Digest) -> None:
        """Remove a blob. Only the collector calls this, inside its transaction; a missing one is fine."""
        with suppress(FileNotFoundError), disk_errors(f"removing blob {digest}"):
            os.unlink(digest.encoded, dir_fd=self.folder_of(digest))

    def sync(self) -> None:
        """Make the removals durable."""
        for folder in self._algorithms.values():
            sync_folder(folder)

    def __iter__(self) -> Iterator[Digest]:
        """Every blob on disk, in no order; files that are not named like one are passed over."""
        for algorithm, folder in self._algorithms.items():
            for name in os.listdir(folder):
                with suppress(Invalid):
                    yield Digest.parse(f"{algorithm}:{name}")
