"""All transfers under way in a store: who works on which, and who waits.

Whoever works on an ingest holds an exclusive flock on its folder, so two processes that want the same blob do
the work once; the kernel lets go of the lock when the process dies, however it dies.

Format: docs/formats.md "ingest".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from shale.errors import Invalid, Unavailable
from shale.linux.durable import disk_errors, make_folder
from shale.oci.digest import Digest
from shale.store.blobs import Blobs
from shale.store.locked import FolderBusy, lock_folder, try_lock

if TYPE_CHECKING:
    from shale.store.ingest import Ingest

__all__ = ["IngestBusy", "Ingests", "ingest_key"]

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,140}\Z")


class IngestBusy(Unavailable):
    """Another process has been working on the same content for longer than we wait."""


def ingest_key(digest: Digest) -> str:
    """The key under which everybody ingests the blob of this digest."""
    return f"{digest.algorithm}-{digest.encoded}"


class Ingests:
    """All transfers under way in one store."""

    def __init__(self, root: int, blobs: Blobs, *, durable: bool = True) -> None:
        """Open the ingests below a root.

        Args:
            root: descriptor of the store's folder; it stays the caller's.
            blobs: where commits go.
            durable: whether the folder, where it is missing, is made durable at once.
        """
        self._blobs = blobs
        with disk_errors("opening the store's ingests"):
            self._folder = make_folder(root, "ingest", durable=durable)

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._folder)

    def open(
        self,
        key: str,
        *,
        algorithm: str = "sha256",
        patience: float = 600.0,
        waiting: Callable[[], None] = lambda: None,
    ) -> Ingest:
        """Start or continue the ingest of this key; use it as a context manager.

        Args:
            key: `ingest_key(digest)`, or a fresh key for content whose digest is not known yet.
            algorithm: how to hash; the digest's algorithm.
            patience: seconds to wait for another process that works on the same key.
            waiting: called about fifty times a second while waiting; it may raise to stop.

        Raises:
            IngestBusy: the other process took longer.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        from shale.store.ingest import Ingest  # noqa: PLC0415 - most commands fetch nothing

        if not _KEY.match(key):
            raise Invalid(f"invalid ingest key {key[:140]!r}")
        with disk_errors(f"opening ingest {key}"):
            try:
                folder = lock_folder(self._folder, key, patience=patience, waiting=waiting)
            except FolderBusy:
                raise IngestBusy(
                    f"another process has been writing {key} for more than {patience:.0f} seconds; "
                    "look for a stopped shale process"
                ) from None
            try:
                return Ingest(self._folder, folder, key, algorithm, self._blobs)
            except BaseException:
                os.close(folder)
                raise

    def abandoned(self, older_than: float) -> list[str]:
        """Keys of ingests that nobody works on and that were last written before a time (seconds, epoch)."""
        found = []
        for key in os.listdir(self._folder):
            with suppress(FileNotFoundError, NotADirectoryError):
                folder = os.open(key, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._folder)
                try:
                    if self._last_written(folder) < older_than and try_lock(self._folder, key, folder):
                        found.append(key)
                finally:
                    os.close(folder)
        return found

    def bytes_kept(self, key: str) -> int:
        """How many bytes an ingest holds, 0 when there is none."""
        try:
            folder = os.open(key, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._folder)
        except FileNotFoundError:
            return 0
        try:
            return os.stat("data", dir_fd=folder).st_size
        except FileNotFoundError:
            return 0
        finally:
            os.close(folder)

    @staticmethod
    def _last_written(folder: int) -> float:
        try:
            return os.stat("data", dir_fd=folder).st_mtime
        except FileNotFoundError:
            return os.fstat(folder).st_mtime
