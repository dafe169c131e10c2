"""Import: a tar of a root file system becomes an image with one layer.

gzip and zstd are kept as they come; everything else is compressed with gzip, to the same bytes each time.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Final

import msgspec

from shale.events import silent
from shale.image.archive.expand import MAGIC, Expander
from shale.image.archive.members import InvalidArchive
from shale.image.changes import apply_changes
from shale.image.intake import Intake
from shale.image.ports import BlobSink, Document
from shale.layer.compression import detect
from shale.layer.compressor import compressor
from shale.layer.verify import LayerFacts, LayerScanner
from shale.oci import mediatype
from shale.oci.config import Execution, History, ImageConfig, RootFS, parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import encode_document
from shale.oci.manifest import Manifest
from shale.oci.mediatype import Compression
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.store.content import LayerRecord
from shale.store.ingest import Ingest
from shale.store.leases import Lease
from shale.store.store import Store

__all__ = ["Imported", "Importer", "Wishes"]

_READ: Final = 1 << 20


class Wishes(msgspec.Struct, frozen=True):
    """What the image should be.

    Attributes:
        created: RFC 3339.
        comment: for its history.
        changes: instructions that change its config.
        platform: what it is for.
    """

    created: str
    comment: str
    changes: Sequence[str]
    platform: Platform


class Imported(msgspec.Struct, frozen=True):
    """An image that was made.

    Attributes:
        target: digest of its manifest.
        id: digest of its config.
        reference: its name; None where it has none.
    """

    target: Digest
    id: Digest
    reference: Reference | None


class Importer:
    """Makes images of root file systems in one store."""

    def __init__(self, store: Store, check: Callable[[], None]) -> None:
        """Prepare.

        Args:
            store: where to.
            check: called often; it may raise to stop.
        """
        self._store = store
        self._check = check

    def bring(self, stream: BinaryIO, reference: Reference | None, wishes: Wishes) -> Imported:
        """Import a root file system.

        Args:
            stream: a tar: plain, or compressed with gzip, zstd, bzip2 or xz.
            reference: the name to give to the image.
            wishes: what it should be.

        Raises:
            InvalidChange: a change is malformed; nothing was read then.
            InvalidArchive, InvalidTar, TruncatedTar, CorruptStream: it is no tar, or damaged.
            DiskFull: there is no room.
        """
        execution = apply_changes(Execution(), wishes.changes)
        command = f"import {reference.familiar}" if reference else "import"
        with self._store.leases.hold(command) as lease:
            layer, facts = self._layer(stream, lease)
            config = encode_document(_config(wishes, execution, facts))
            described = Descriptor(media_type=mediatype.OCI_CONFIG, digest=Digest.of(config), size=len(config))
            manifest = Manifest(
                schema_version=2, media_type=mediatype.OCI_MANIFEST, config=described, layers=(layer,)
            )
            raw = encode_document(manifest)
            document = Document(raw, mediatype.OCI_MANIFEST, Digest.of(raw))
            lease.protect([described.digest, document.digest])
            intake = Intake(self._store, silent, self._check)
            intake.config(_Made(config), described)
            intake.document(document)
            with self._store.database.write() as tx:
                content, names = self._store.content, self._store.names
                content.record_blobs(tx, [(document.digest, len(raw))])
                content.record_manifest(tx, document.digest, manifest, parse_config(config))
                names.keep(tx, document.digest)
                if reference is not None:
                    names.move(tx, reference, document.digest, command)
        return Imported(document.digest, described.digest, reference)

    def _layer(self, stream: BinaryIO, lease: Lease) -> tuple[Descriptor, LayerFacts]:
        """Bring the layer into the store; its digest is known when it is all there."""
        begun = b""
        while len(begun) < MAGIC and (more := stream.read(MAGIC - len(begun))):
            begun += more
        if not begun:
            raise InvalidArchive("the root file system is empty: there are no bytes to import")
        with self._store.ingests.open(f"import-{uuid.uuid4().hex}") as ingest:
            try:
                facts = self._fill(ingest, _chunks(begun, stream), begun)
                lease.protect([ingest.digest])
                size = ingest.offset
                digest = ingest.commit()
            except BaseException:
                ingest.discard()  # nobody can know that these bytes are theirs
                raise
        record = LayerRecord(digest, facts.diff_id, facts.tar_size, facts.content_size)
        with self._store.database.write() as tx:
            self._store.content.record_blobs(tx, [(digest, size)])
            self._store.content.record_layers(tx, [record])
        media_type = mediatype.layer_media_type(facts.compression)
        return Descriptor(media_type=media_type, digest=digest, size=size), facts

    def _fill(self, ingest: Ingest, chunks: Iterator[bytes], begun: bytes) -> LayerFacts:
        with LayerScanner(threads=True) as scanner:
            for chunk in chunks if detect(begun) is not Compression.NONE else _packed(chunks, begun):
                self._check()
                ingest.write(chunk)
                scanner.feed(chunk)
            return scanner.result()


def _chunks(begun: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield begun
    while chunk := stream.read(_READ):
        yield chunk


def _packed(chunks: Iterator[bytes], begun: bytes) -> Iterator[bytes]:
    """Gzip of what the chunks decompress to."""
    expander = Expander(begun)
    with closing(compressor(Compression.GZIP, threads=os.cpu_count() or 1)) as packer:
        for chunk in chunks:
            for piece in expander.feed(chunk):
                yield from packer.feed(piece)
        expander.close()
        yield from packer.finish()


def _config(wishes: Wishes, execution: Execution, facts: LayerFacts) -> ImageConfig:
    platform = wishes.platform
    return ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=wishes.created,
        config=execution,
        rootfs=RootFS(diff_ids=(facts.diff_id,)),
        history=(History(created=wishes.created, comment=wishes.comment),),
    )


class _Made:
    """A source that has one config."""

    def __init__(self, config: bytes) -> None:
        self._config = config

    def document(self, reference: Digest | str) -> Document:
        raise AssertionError(f"nobody asks for {reference} here")

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring the config into a sink."""
        assert descriptor.size == len(self._config)
        sink.write(memoryview(self._config)[sink.offset :])
