"""Intake: brings blobs into the store, verified as they stream, and never loses what came.

A layer is hashed twice in one pass: its bytes against the descriptor (by the ingest) and, inflated, its tar
against the DiffID of the config (image-spec config.md "Layer DiffID"), while its files' sizes are added up and
the layer is made mountable.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from shale.events import LayerProgress, LayerState, Listener, silent
from shale.image.expectation import DiffIDMismatch
from shale.image.making import LayerMaking
from shale.image.ports import Document, Source
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import MAX_CONFIG, InvalidDocument
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.content import LayerRecord
from shale.store.ingest import DigestMismatch, Ingest, SizeMismatch
from shale.store.ingests import ingest_key
from shale.store.store import Store

if TYPE_CHECKING:
    from shale.image.receiving import Inspection, Sink
    from shale.layer.verify import LayerFacts

__all__ = ["Intake"]

_READ: Final = 1024 * 1024


class Intake:
    """Brings the blobs of one operation into a store, under a lease that the caller holds.

    A blob is durable when its row is written, but not the row: the operation's last transaction makes all rows
    durable, and after a power cut before that the blobs are taken as they lie there.
    """

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
        with self._store.database.write(durable=False) as tx:
            self._store.content.record_blobs(tx, [(descriptor.digest, descriptor.size)])

    def layer(
        self,
        source: Source,
        descriptor: Descriptor,
        expect: Callable[[], DiffID],
        making: LayerMaking | None = None,
    ) -> None:
        """Bring a layer and verify its DiffID.

        Args:
            source: where from.
            descriptor: the layer in its manifest.
            expect: tells the DiffID that the config names; it may wait for the config to arrive.
            making: makes it mountable on the way; None leaves that for its first use.

        Raises:
            DigestMismatch, SizeMismatch: the bytes are wrong, even from the beginning.
            DiffIDMismatch: the bytes are what the manifest says, but not what the config says.
            InvalidTar: it is no layer, or a hostile one.
        """
        short = descriptor.digest.short
        content = self._store.content
        known = content.layers([descriptor]).get(descriptor.digest)
        if known is not None and content.holds(descriptor.digest, descriptor.size):
            self._compare(descriptor, expect(), known.diff_id)
            self._listener(LayerProgress(short, LayerState.EXISTS, 0, descriptor.size))
            return
        with making or nullcontext():
            facts = self._bring(source, descriptor, inflate=True, making=making)
            assert facts is not None
            self._compare(descriptor, expect(), facts.diff_id)
            with self._store.database.write(durable=False) as tx:
                content.record_blobs(tx, [(descriptor.digest, descriptor.size)])
                content.record_layers(
                    tx, [LayerRecord(descriptor.digest, facts.diff_id, facts.tar_size, facts.content_size)]
                )
                if making is not None:
                    making.commit(tx, facts.diff_id)
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

    def _bring(
        self, source: Source, descriptor: Descriptor, *, inflate: bool, making: LayerMaking | None = None
    ) -> LayerFacts | None:
        """Get a blob into the folder of blobs; what an earlier process left is used first."""
        from shale.image.receiving import Inspection, Sink  # noqa: PLC0415 - not where everything is here

        key = ingest_key(descriptor.digest)
        algorithm = descriptor.digest.algorithm
        inspect = partial(Inspection, descriptor.size, inflate=inflate, making=making)
        with self._store.ingests.open(key, algorithm=algorithm, waiting=self._check) as ingest:
            if self._store.blobs.holds(descriptor.digest, descriptor.size):
                # Somebody else brought it while we waited, or a killed process left it without a row.
                with suppress(BlobDamaged):
                    facts = self._read_stored(descriptor, inspect)
                    ingest.discard()
                    return facts
            sink = Sink(ingest, descriptor, self._listener, self._check, inspect)
            try:
                try:
                    facts = self._fill(source, descriptor, sink, ingest)
                except (DigestMismatch, SizeMismatch):
                    if not sink.resumed:
                        raise
                    # What an earlier process left was damaged (a power cut, say): once more from the start.
                    sink.restart()
                    facts = self._fill(source, descriptor, sink, ingest)
            finally:
                sink.close()
        if inflate and facts is None:
            # The disk was full, say, before it was mountable: then nobody has read the whole archive.
            facts = self._read_stored(
                descriptor, partial(Inspection, descriptor.size, inflate=True, making=None)
            )
        return facts

    def _fill(self, source: Source, descriptor: Descriptor, sink: Sink, ingest: Ingest) -> LayerFacts | None:
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

    def _read_stored(self, descriptor: Descriptor, inspect: Callable[[], Inspection]) -> LayerFacts | None:
        """Take a blob that lies in the store without a row: verify it, and look into it."""
        self._store.blobs.adopt(descriptor.digest)
        inspection = inspect()
        view = memoryview(bytearray(_READ))
        try:
            with self._store.blobs.open(descriptor.digest) as blob:
                handle = blob.fileno()
                while inspection.looks and (count := os.readv(handle, [view])):
                    self._check()
                    inspection.feed(view[:count])
            return inspection.facts()
        finally:
            inspection.close()
