"""An OCI image layout in a folder being written or added to.

Blobs come in as they come into the store (store/ingest.py): hashed on the way, resumed after a cut or a kill,
synced, renamed. index.json is replaced by one rename when all that it names is there, so whoever reads the
folder meanwhile sees the images of before or those of after.

Specification: image-spec image-layout.md.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from shale.image.archive.folder import FolderMembers
from shale.image.archive.index import LAYOUT_CONTENT, entries, extend, read_index
from shale.image.archive.layout import INDEX, LAYOUT
from shale.image.archive.members import InvalidArchive, MemberNotFound, read_member
from shale.image.graph import Graph
from shale.image.landing import Label
from shale.image.ports import Document, Outcome, Source
from shale.linux.durable import disk_errors, make_folder, write_file
from shale.oci.descriptor import Descriptor
from shale.oci.document import MAX_MANIFEST
from shale.store.blobs import BlobDamaged, Blobs
from shale.store.ingest import DigestMismatch, Ingest, IngestNote, SizeMismatch
from shale.store.ingests import Ingests, ingest_key

__all__ = ["LayoutFolder"]

_OURS: Final = frozenset((INDEX, LAYOUT, "blobs", "ingest", "manifest.json"))
_TEMPORARY: Final = (f".{INDEX}.", f".{LAYOUT}.")
"""How the names begin that another writer gives to files which it is about to rename."""


class LayoutFolder:
    """Adds images to a layout; a `Landing`. Use it as a context manager, and call `finish` at the end."""

    jobs: Final = 4

    def __init__(self, path: Path) -> None:
        """Open the folder, making it where it is missing.

        Raises:
            InvalidArchive: it is a folder of other things, or its parts are links.
            NoPermission, DiskFull, StorageFailure: the file system.
        """
        self._path = path
        with _layout_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # Shared by all who write here; whoever has it alone, at the end, may tidy up.
                fcntl.flock(self._folder, fcntl.LOCK_SH)
                self._check()
                self._make_folders()
                self._blobs = Blobs(self._folder)
                self._ingests = Ingests(self._folder, self._blobs)
            except BaseException:
                os.close(self._folder)
                raise
        self._added: list[dict[str, Any]] = []

    def _check(self) -> None:
        names = set(os.listdir(self._folder))
        if INDEX in names:
            if LAYOUT not in names:
                raise InvalidArchive(f"{self._path} has an {INDEX} but no {LAYOUT}; it is no OCI layout")
            self._read_index()
        elif {name for name in names if not name.startswith(_TEMPORARY)} - _OURS:
            raise InvalidArchive(f"{self._path} is a folder with other things; choose a new or an empty one")

    def _make_folders(self) -> None:
        """Make the folders of blobs so that others may read them; the store makes its own private."""
        self._above = make_folder(self._folder, "blobs", mode=0o777)
        try:
            os.close(make_folder(self._above, "sha256", mode=0o777))
        except BaseException:
            os.close(self._above)
            raise

    def _read_index(self) -> dict[str, Any]:
        try:
            return read_index(read_member(FolderMembers(self._folder), INDEX, MAX_MANIFEST))
        except MemberNotFound:
            return read_index(b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}')

    def take(self, source: Source, descriptor: Descriptor, progress: Callable[[int], None]) -> Outcome:
        """See `Landing`; bytes that an earlier run left are used."""
        digest, size = descriptor.digest, descriptor.size
        with self._ingests.open(
            ingest_key(digest), algorithm=digest.algorithm, waiting=lambda: progress(0)
        ) as ingest:
            if self._is_here(descriptor):
                ingest.discard()
                return Outcome(existed=True)
            sink = _IngestSink(ingest, progress)
            resumed = ingest.resume() > 0
            try:
                self._fill(source, descriptor, sink, ingest)
            except (DigestMismatch, SizeMismatch):
                if not resumed:
                    raise
                ingest.restart()
                self._fill(source, descriptor, sink, ingest)
            ingest.commit(digest, size)
        return Outcome()

    @staticmethod
    def _fill(source: Source, descriptor: Descriptor, sink: _IngestSink, ingest: Ingest) -> None:
        if sink.offset != descriptor.size:
            source.fetch(descriptor, sink)
        ingest.verify(descriptor.digest, descriptor.size)

    def _is_here(self, descriptor: Descriptor) -> bool:
        """Whether a blob is here. Whoever wrote it may have been careless, so it is hashed before it counts."""
        if not self._blobs.holds(descriptor.digest, descriptor.size):
            return False
        try:
            self._blobs.verify(descriptor.digest)
        except BlobDamaged:
            return False
        return True

    def put_document(self, document: Document) -> None:
        """See `Landing`."""
        descriptor = Descriptor(media_type=document.media_type, digest=document.digest, size=len(document.raw))
        if self._is_here(descriptor):
            return
        key = ingest_key(document.digest)
        with self._ingests.open(key, algorithm=document.digest.algorithm) as ingest:
            ingest.restart()
            ingest.write(document.raw)
            ingest.commit(document.digest, len(document.raw))

    def put_root(self, graph: Graph, labels: Sequence[Label]) -> None:
        """See `Landing`."""
        self.put_document(graph.root)
        self._added += entries(graph, labels)

    def finish(self) -> None:
        """Name the images that were added: from now on they are in the layout."""
        with _layout_errors(self._path):
            # Two writers of one layout: each adds to what the other wrote.
            fcntl.flock(self._above, fcntl.LOCK_EX)
            try:
                document = extend(self._read_index(), self._added)
                if not os.access(LAYOUT, os.F_OK, dir_fd=self._folder):
                    write_file(self._folder, LAYOUT, LAYOUT_CONTENT, mode=0o644)
                write_file(self._folder, INDEX, document, mode=0o644)
            finally:
                fcntl.flock(self._above, fcntl.LOCK_UN)
        self._added.clear()

    def close(self) -> None:
        """Let go of the folder; parts of blobs that came stay for the next run."""
        self._ingests.close()
        self._blobs.close()
        with suppress(OSError):  # another writer is here and may be about to use the folders
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for above, name in ((self._folder, "ingest"), (self._above, "sha512")):
                with suppress(OSError):  # not empty
                    os.rmdir(name, dir_fd=above)
        os.close(self._above)
        os.close(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _IngestSink:
    """Bytes to an ingest, and their number to whoever watches."""

    def __init__(self, ingest: Ingest, progress: Callable[[int], None]) -> None:
        self._ingest = ingest
        self._progress = progress

    @property
    def offset(self) -> int:
        return self._ingest.offset

    @property
    def etag(self) -> str | None:
        return self._ingest.note.etag

    def write(self, chunk: memoryview, /) -> None:
        self._ingest.write(chunk)
        self._progress(self._ingest.offset)

    def restart(self) -> None:
        self._ingest.restart()

    def remember(self, etag: str | None, /) -> None:
        self._ingest.remember(IngestNote(etag=etag, origin=self._ingest.note.origin))


@contextmanager
def _layout_errors(path: Path) -> Iterator[None]:
    try:
        with disk_errors(f"writing the OCI layout at {path}"):
            yield
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EEXIST):
            raise InvalidArchive(f"{path} is no folder, or parts of it are links instead of folders") from error
        raise
