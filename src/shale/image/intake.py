"""Intake: brings blobs into the store, verified as they stream, and never loses what came.

A layer is hashed twice in one pass: its bytes against the descriptor (by the ingest) and, inflated, its tar
against the DiffID of the config (image-spec config.md "Layer DiffID"), while its files' sizes are added up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from shale.errors import Corrupt, ShaleError
from shale.events import LayerProgress, LayerState, Listener, silent
from shale.image.ports import Document, Source
from shale.layer.verify import LayerFacts, LayerScanner
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import MAX_CONFIG, InvalidDocument
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.content import LayerRecord
from shale.store.ingest import DigestMismatch, Ingest, IngestNote, SizeMismatch
from shale.store.ingests import ingest_key
from shale.store.store import Store

__all__ = ["DiffIDMismatch", "Intake"]

_READ: Final = 1024 * 1024
_LARGE: Final = 1024 * 1024
"""Bytes from which on a layer is worth threads of its own."""


class DiffIDMismatch(Corrupt):
    """A layer, inflated, is not the tar that the image's config names."""

    def __init__(self, layer: Digest, expected: DiffID, found: DiffID) -> None:
        super().__init__(
            f"layer {layer} unpacks to {found}, but the image's config says {expected}; "
            "the image is broken where it comes from"
        )


class _Inspection:
    """Reads a layer as its bytes go by. What is wrong with it is told at the end.

    By then the digest is known to be right or wrong: bytes that an earlier process left may be damaged, and
    that is another matter than an image that is broken where it comes from.
    """

    def __init__(self, size: int, *, inflate: bool) -> None:
        self._reader = LayerScanner(threads=size >= _LARGE) if inflate else None
        self._failure: ShaleError | None = None

    def feed(self, chunk: memoryview) -> None:
        if self._reader is None or self._failure is not None:
            return
        try:
            self._reader.feed(chunk)
        except ShaleError as error:
            self._failure = error

    def facts(self) -> LayerFacts | None:
        """What the layer is; None where it was not to be inflated."""
        if self._failure is not None:
            raise self._failure
        return self._reader.result() if self._reader is not None else None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


class _Sink:
    """Bytes to an ingest, to the inspection of the layer, and to whoever watches."""

    def __init__(
        self,
        ingest: Ingest,
        descriptor: Descriptor,
        listener: Listener,
        check: Callable[[], None],
        *,
        inflate: bool,
    ) -> None:
        self._ingest = ingest
        self._descriptor = descriptor
        self._listener = listener
        self._check = check
        self._inflate = inflate
        self._inspection = _Inspection(descriptor.size, inflate=inflate)
        self.resumed = ingest.resume(self._inspection.feed) > 0

    @property
    def offset(self) -> int:
        return self._ingest.offset

    @property
    def etag(self) -> str | None:
        return self._ingest.note.etag

    def remember(self, etag: str | None, /) -> None:
        self._ingest.remember(IngestNote(etag=etag, origin=self._ingest.note.origin))

    def write(self, chunk: memoryview, /) -> None:
        self._check()
        self._ingest.write(chunk)
        self._inspection.feed(chunk)
        self._listener(
            LayerProgress(
                self._descriptor.digest.short, LayerState.DOWNLOADING, self.offset, self._descriptor.size
            )
        )

    def restart(self) -> None:
        self.resumed = False
        self._ingest.restart()
        self._inspection.close()
        self._inspection = _Inspection(self._descriptor.size, inflate=self._inflate)

    def facts(self) -> LayerFacts | None:
        return self._inspection.facts()

    def close(self) -> None:
        self._inspection.close()


class Intake:
    """Brings the blobs of one operation into a store, under a lease that the caller holds."""

    def __init__(self, store: Store, listener: Listener, check: Callable[[], None]) -> None:
        """Prepare.

        Args:
            store: where to.
            listener: told the progress of every blob.
            check: raises Cancelled when the operation should stop; called often.
        """
        self._store = store
        self._listener = listener
        self._check = check

    def config(self, source: Source, descriptor: Descriptor) -> None:
        """Bring an image's config; people are not shown its progress.

        Raises:
            InvalidDocument: it is larger than any config may be; nothing of it is fetched.
            DigestMismatch, SizeMismatch: the bytes are wrong, even from the beginning.
        """
        if descriptor.size > MAX_CONFIG:
            raise InvalidDocument(
                f"image config {descriptor.digest} has {descriptor.size} bytes, "
                f"more than the {MAX_CONFIG} that are accepted"
            )
        if not self._is_good(descriptor.digest, descriptor.size):
            Intake(self._store, silent, self._check)._fetch(source, descriptor)  # noqa: SLF001 - our own

    def _is_good(self, digest: Digest, size: int) -> bool:
        """Whether a document is here with its own bytes: it is small, so a pull looks, and heals it."""
        try:
            return self._store.content.holds(digest, size) and len(self._store.blobs.read(digest, size)) == size
        except (BlobNotFound, BlobDamaged):
            return False

    def blob(self, source: Source, descriptor: Descriptor) -> None:
        """Bring a blob that is not a layer: an artifact's content.

        Raises:
            DigestMismatch, SizeMismatch: the bytes are wrong, even from the beginning.
        """
        if not self._store.content.holds(descriptor.digest, descriptor.size):
            self._fetch(source, descriptor)

    def _fetch(self, source: Source, descriptor: Descriptor) -> None:
        self._bring(source, descriptor, inflate=False)
        with self._store.database.write() as tx:
            self._store.content.record_blobs(tx, [(descriptor.digest, descriptor.size)])

    def layer(self, source: Source, descriptor: Descriptor, expect: Callable[[], DiffID]) -> None:
        """Bring a layer and verify its DiffID.

        Args:
            source: where from.
            descriptor: the layer in its manifest.
            expect: tells the DiffID that the config names; it may wait for the config to arrive.

        Raises:
            DigestMismatch, SizeMismatch: the bytes are wrong, even from the beginning.
            DiffIDMismatch: the bytes are what the manifest says, but not what the config says.
        """
        short = descriptor.digest.short
        content = self._store.content
        known = content.layers([descriptor]).get(descriptor.digest)
        if known is not None and content.holds(descriptor.digest, descriptor.size):
            self._compare(descriptor, expect(), known.diff_id)
            self._listener(LayerProgress(short, LayerState.EXISTS, 0, descriptor.size))
            return
        facts = self._bring(source, descriptor, inflate=True)
        assert facts is not None
        self._compare(descriptor, expect(), facts.diff_id)
        with self._store.database.write() as tx:
            content.record_blobs(tx, [(descriptor.digest, descriptor.size)])
            content.record_layers(
                tx, [LayerRecord(descriptor.digest, facts.diff_id, facts.tar_size, facts.content_size)]
            )
        self._listener(LayerProgress(short, LayerState.PULLED, descriptor.size, descriptor.size))

    @staticmethod
    def _compare(descriptor: Descriptor, expected: DiffID, found: DiffID) -> None:
        if found != expected:
            raise DiffIDMismatch(descriptor.digest, expected, found)

    def document(self, document: Document) -> None:
        """Keep a manifest or an index as the bytes that it is; its row is written with the image's."""
        if self._is_good(document.digest, len(document.raw)):
            return
        key = ingest_key(document.digest)
        with self._store.ingests.open(key, algorithm=document.digest.algorithm, waiting=self._check) as ingest:
            ingest.restart()
            ingest.write(document.raw)
            ingest.commit(document.digest, len(document.raw))

    def _bring(self, source: Source, descriptor: Descriptor, *, inflate: bool) -> LayerFacts | None:
        """Get a blob into the folder of blobs; what an earlier process left is used first."""
        key = ingest_key(descriptor.digest)
        algorithm = descriptor.digest.algorithm
        with self._store.ingests.open(key, algorithm=algorithm, waiting=self._check) as ingest:
            if self._store.blobs.holds(descriptor.digest, descriptor.size):
                # Somebody else brought it while we waited, or a killed process left it without a row.
                with suppress(BlobDamaged):
                    facts = self._read_stored(descriptor, inflate=inflate)
                    ingest.discard()
                    return facts
            sink = _Sink(ingest, descriptor, self._listener, self._check, inflate=inflate)
            try:
                try:
                    return self._fill(source, descriptor, sink, ingest)
                except (DigestMismatch, SizeMismatch):
                    if not sink.resumed:
                        raise
                    # What an earlier process left was damaged (a power cut, say): once more from the start.
                    sink.restart()
                    return self._fill(source, descriptor, sink, ingest)
            finally:
                sink.close()

    def _fill(self, source: Source, descriptor: Descriptor, sink: _Sink, ingest: Ingest) -> LayerFacts | None:
        short, size = descriptor.digest.short, descriptor.size
        if sink.offset > size:
            sink.restart()
        if sink.offset != size:
            source.fetch(descriptor, sink)
        self._listener(LayerProgress(short, LayerState.VERIFYING, size, size))
        ingest.verify(descriptor.digest, size)
        facts = sink.facts()
        ingest.commit(descriptor.digest, size)
        self._listener(LayerProgress(short, LayerState.DOWNLOADED, size, size))
        return facts

    def _read_stored(self, descriptor: Descriptor, *, inflate: bool) -> LayerFacts | None:
        """Take a blob that lies in the store without a row: verify it, and look into it."""
        self._store.blobs.adopt(descriptor.digest)
        inspection = _Inspection(descriptor.size, inflate=inflate)
        view = memoryview(bytearray(_READ))
        try:
            with self._store.blobs.open(descriptor.digest) as blob:
                handle = blob.fileno()
                while inflate and (count := os.readv(handle, [view])):
                    self._check()
                    inspection.feed(view[:count])
            return inspection.facts()
        finally:
            inspection.close()
