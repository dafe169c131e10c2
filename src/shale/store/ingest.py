"""An ingest: bytes on their way into the store, which outlive the process that brings them.

It is a folder `ingest/KEY/` with the bytes so far (`data`) and a note on where they come from (`note.json`);
`ingests` hands them out, locked.

Invariants:
- The hash is taken of the bytes that are written, here and nowhere else, so what `commit` renames into
  `blobs/` has been verified. Bytes found from an earlier process are hashed again before they count.
- Closing an ingest without commit keeps the bytes; the next one with the same key continues.

Format: docs/formats.md "ingest".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import msgspec

from shale.errors import Corrupt, ShaleError
from shale.linux.durable import begin_writing, disk_errors, write_file
from shale.oci.digest import Digest, Hasher
from shale.store.blobs import Blobs

__all__ = ["DigestMismatch", "Ingest", "IngestNote", "SizeMismatch"]

_READ: Final = 1024 * 1024
_STEP: Final = 8 * 1024 * 1024
"""Bytes that are sent to the disk at a time while more are coming: the sync at the end waits for the rest."""


class DigestMismatch(Corrupt):
    """The bytes that came are not those that the digest names."""

    def __init__(self, expected: Digest, found: Digest) -> None:
        super().__init__(f"content has digest {found}, expected {expected}; nothing of it was kept")
        self.expected = expected
        self.found = found


class SizeMismatch(Corrupt):
    """There are more or fewer bytes than the descriptor says."""

    def __init__(self, digest: Digest, expected: int, found: int) -> None:
        super().__init__(f"content {digest} has {found} bytes, expected {expected}; nothing of it was kept")
        self.expected = expected
        self.found = found


class IngestNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of a transfer between processes.

    Attributes:
        etag: the server's tag of the bytes so far, for If-Range.
        origin: where they come from, as text for a person.
    """

    etag: str | None = None
    origin: str = ""


class Ingest:
    """One transfer, locked by us. Not for use from two threads at once."""

    def __init__(self, parent: int, folder: int, key: str, algorithm: str, blobs: Blobs) -> None:
        self.key = key
        self._parent = parent
        self._folder = folder
        self._algorithm = algorithm
        self._blobs = blobs
        self._closed = False
        self.note = self._read_note()
        self._data = self._open_data()
        self._hasher: Hasher = self._new_hasher()
        self.offset = 0
        """Bytes written and hashed so far."""
        self._begun = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_hasher(self) -> Hasher:
        return Digest(self._algorithm, "").new_hasher()

    def _open_data(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open("data", flags, 0o600, dir_fd=self._folder)
        except PermissionError:
            # A commit was killed between chmod and rename; only root may write to such a file.
            handle = os.open("data", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
            try:
                os.fchmod(handle, 0o600)
            finally:
                os.close(handle)
            return os.open("data", flags, 0o600, dir_fd=self._folder)

    def _read_note(self) -> IngestNote:
        try:
            handle = os.open("note.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
            with os.fdopen(handle, "rb") as file:
                return msgspec.json.decode(file.read(65536), type=IngestNote)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return IngestNote()

    def remember(self, note: IngestNote) -> None:
        """Keep a note for whoever continues this ingest."""
        if note != self.note:
            with disk_errors(f"writing ingest {self.key}"):
                write_file(self._folder, "note.json", msgspec.json.encode(note), durable=False)
            self.note = note

    def resume(self, kept: Callable[[memoryview], None] = lambda _: None) -> int:
        """Take up the bytes that an earlier process left; call it before the first write.

        Args:
            kept: is given those bytes in order, in chunks that are valid only during the call.

        Returns:
            How many bytes there are, the new `offset`.
        """
        buffer = bytearray(_READ)
        view = memoryview(buffer)
        with disk_errors(f"reading ingest {self.key}"):
            while count := os.preadv(self._data, [buffer], self.offset):
                self._hasher.update(view[:count])
                kept(view[:count])
                self.offset += count
            os.lseek(self._data, self.offset, os.SEEK_SET)
        return self.offset

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes: hash them and write them.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk; the bytes so far stay.
        """
        self._hasher.update(chunk)
        view = memoryview(chunk)
        with disk_errors(f"writing {len(view)} bytes of ingest {self.key}"):
            while view:
                written = os.write(self._data, view)
                self.offset += written
                view = view[written:]
        if self.offset - self._begun >= _STEP:
            begin_writing(self._data, self._begun, self.offset - self._begun)
            self._begun = self.offset

    def restart(self) -> None:
        """Forget all bytes: the other side starts over."""
        with disk_errors(f"writing ingest {self.key}"):
            os.ftruncate(self._data, 0)
            os.lseek(self._data, 0, os.SEEK_SET)
        self._hasher = self._new_hasher()
        self.offset = self._begun = 0

    @property
    def digest(self) -> Digest:
        """The digest of the bytes so far."""
        return Digest.from_hasher(self._algorithm, self._hasher)

    def verify(self, expected: Digest, size: int) -> None:
        """Compare the bytes so far with a descriptor.

        Raises:
            SizeMismatch, DigestMismatch: the bytes are dropped, so that a next try starts clean.
        """
        count, found = self.offset, self.digest
        if count != size:
            self.restart()
            raise SizeMismatch(expected, size, count)
        if found != expected:
            self.restart()
            raise DigestMismatch(expected, found)

    def commit(self, expected: Digest | None = None, size: int | None = None) -> Digest:
        """Verify the bytes and make them a blob, durably; the ingest is finished then.

        Args:
            expected: the digest that they must have; None to take the one that they have.
            size: the number of bytes that there must be; None to take any.

        Raises:
            SizeMismatch, DigestMismatch: the bytes are dropped, so that a next try starts clean.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        found = expected if expected is not None else self.digest
        self.verify(found, self.offset if size is None else size)
        with disk_errors(f"writing blob {found}"):
            os.ftruncate(self._data, self.offset)
            os.fchmod(self._data, 0o444)
            os.utime(self._data)  # the collector's grace for files without a row counts from here
            self._sync_data()
            target = self._blobs.folder_of(found)
            os.rename("data", found.encoded, src_dir_fd=self._folder, dst_dir_fd=target)
            os.fsync(target)
        self._remove_folder()
        return found

    def _sync_data(self) -> None:
        try:
            os.fdatasync(self._data)
        except OSError:
            # The kernel has dropped what it could not write and calls the pages clean: a second sync would
            # succeed and mean nothing. So these bytes must never be resumed.
            with suppress(ShaleError, OSError):
                self.restart()
            raise

    def discard(self) -> None:
        """Drop the bytes and the ingest."""
        with disk_errors(f"removing ingest {self.key}"), suppress(FileNotFoundError):
            os.unlink("data", dir_fd=self._folder)
        self._remove_folder()

    def _remove_folder(self) -> None:
        # What cannot be removed is left for the next one with this key: the work itself is done.
        with suppress(OSError):
            for name in os.listdir(self._folder):
                os.unlink(name, dir_fd=self._folder)
            os.rmdir(self.key, dir_fd=self._parent)
        self.close()

    def close(self) -> None:
        """Let go of the lock and keep the bytes."""
        if not self._closed:
            self._closed = True
            os.close(self._data)
            os.close(self._folder)
