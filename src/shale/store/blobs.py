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
from typing import BinaryIO, Final

from shale.errors import Corrupt, Invalid, NotFound
from shale.linux.durable import disk_errors, make_folder, sync_folder
from shale.oci.digest import Digest

__all__ = ["BlobDamaged", "BlobNotFound", "Blobs"]

_READ: Final = 1024 * 1024


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
        self.reason = reason


class Blobs:
    """The content of the store, by digest. Safe to use from threads and from many processes."""

    def __init__(self, root: int, *, durable: bool = True) -> None:
        """Open the blobs below a root.

        Args:
            root: descriptor of the store's folder; it stays the caller's.
            durable: whether folders that are missing are made durable at once; else call `sync_folders`.
        """
        self._root = root
        with disk_errors("opening the store's blobs"):
            self._folder = make_folder(root, "blobs", durable=durable)
            self._algorithms = {
                name: make_folder(self._folder, name, durable=durable) for name in ("sha256", "sha512")
            }

    def close(self) -> None:
        """Let go of the folders."""
        for folder in self._algorithms.values():
            os.close(folder)
        os.close(self._folder)

    def folder_of(self, digest: Digest) -> int:
        """Descriptor of the folder in which a blob lies under `digest.encoded`; it stays ours."""
        return self._algorithms[digest.algorithm]

    def status(self, digest: Digest) -> os.stat_result | None:
        """What the file system says of a blob's file; None where there is no file."""
        try:
            return os.stat(digest.encoded, dir_fd=self.folder_of(digest), follow_symlinks=False)
        except FileNotFoundError:
            return None

    def size(self, digest: Digest) -> int:
        """The size of a blob, in bytes.

        Raises:
            BlobNotFound: it is not here.
        """
        if (status := self.status(digest)) is None:
            raise BlobNotFound(digest)
        return status.st_size

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
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with disk_errors(f"opening blob {digest}"):
                handle = os.open(digest.encoded, flags, dir_fd=self.folder_of(digest))
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

    def verify(self, digest: Digest) -> int:
        """Read a blob of any size and compare its bytes with its digest; returns its size in bytes.

        Raises:
            BlobNotFound: it is not here.
            BlobDamaged: its bytes have changed.
            StorageFailure: the disk cannot read it.
        """
        hasher = digest.new_hasher()
        buffer = bytearray(_READ)
        view = memoryview(buffer)
        size = 0
        with self.open(digest) as blob, disk_errors(f"reading blob {digest}"):
            while count := os.readv(blob.fileno(), [buffer]):
                hasher.update(view[:count])
                size += count
        if hasher.hexdigest() != digest.encoded:
            raise BlobDamaged(digest, f"its {size} bytes have another digest")
        return size

    def adopt(self, digest: Digest) -> int:
        """Take a blob that a killed process left without a row: verify it and make its name durable.

        Returns:
            Its size in bytes; it may be recorded now.

        Raises:
            BlobNotFound, BlobDamaged, StorageFailure: as `verify`.
        """
        size = self.verify(digest)
        with self.open(digest) as blob, disk_errors(f"writing blob {digest}"):
            os.fdatasync(blob.fileno())
            sync_folder(self.folder_of(digest))
        return size

    def set_aside(self, digest: Digest) -> None:
        """Move a file with wrong bytes to `damaged/`, so that the blob counts as missing and can come again."""
        with disk_errors(f"moving damaged blob {digest} aside"):
            aside = make_folder(self._root, "damaged")
            try:
                os.rename(digest.encoded, _aside(digest), src_dir_fd=self.folder_of(digest), dst_dir_fd=aside)
                sync_folder(aside)
                sync_folder(self.folder_of(digest))
            finally:
                os.close(aside)

    def drop_aside(self, digest: Digest) -> None:
        """Remove what `set_aside` kept of a blob; nothing kept is fine."""
        with disk_errors(f"removing damaged blob {digest}"), suppress(FileNotFoundError):
            aside = os.open("damaged", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._root)
            try:
                os.unlink(_aside(digest), dir_fd=aside)
            finally:
                os.close(aside)

    def remove(self, digest: Digest) -> None:
        """Remove a blob. Only the collector calls this, inside its transaction; a missing one is fine."""
        with suppress(FileNotFoundError), disk_errors(f"removing blob {digest}"):
            os.unlink(digest.encoded, dir_fd=self.folder_of(digest))

    def sync(self) -> None:
        """Make the removals durable."""
        with disk_errors("removing blobs"):
            for folder in self._algorithms.values():
                sync_folder(folder)

    def sync_folders(self) -> None:
        """Make the folders themselves durable: for whoever finds them made, but no database yet."""
        with disk_errors("opening the store's blobs"):
            sync_folder(self._folder)
            sync_folder(self._root)

    def __iter__(self) -> Iterator[Digest]:
        """Every blob on disk, in no order; files that are not named like one are passed over."""
        for algorithm, folder in self._algorithms.items():
            for name in os.listdir(folder):
                with suppress(Invalid):
                    yield Digest.parse(f"{algorithm}:{name}")


def _aside(digest: Digest) -> str:
    return f"{digest.algorithm}-{digest.encoded}"
