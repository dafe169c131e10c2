"""Images that shale makes itself, of a root file system or of a container: how they are kept.

The digest of a layer is known when its last byte is written, so it is protected from the collector then, before
it gets its name in `blobs/`; and an image's documents are written when all of its layers are there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shale.events import silent
from shale.image.intake import Intake
from shale.image.ports import BlobSink, Document
from shale.layer.verify import LayerFacts
from shale.oci import mediatype
from shale.oci.config import ImageConfig, parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import encode_document
from shale.oci.manifest import Manifest
from shale.oci.mediatype import Compression
from shale.oci.reference import Reference
from shale.store.content import LayerRecord
from shale.store.ingest import Ingest
from shale.store.leases import Lease
from shale.store.store import Store

__all__ = ["Made", "keep_image", "keep_layer"]

_CONFIGS: Final = {
    mediatype.OCI_MANIFEST: mediatype.OCI_CONFIG,
    mediatype.DOCKER_MANIFEST: mediatype.DOCKER_CONFIG,
}


@dataclass(frozen=True, slots=True)
class Made:
    """An image that was made.

    Attributes:
        target: digest of its manifest.
        id: digest of its config.
        reference: its name; None where it has none.
    """

    target: Digest
    id: Digest
    reference: Reference | None


def keep_layer(
    store: Store,
    lease: Lease,
    form: str,
    fill: Callable[[Ingest], LayerFacts],
) -> tuple[Descriptor, LayerFacts]:
    """Bring a layer into a store whose digest nobody knows yet.

    Args:
        store: where to.
        lease: gets the layer to protect.
        form: media type of the manifest that it will stand in: its own is of the same family.
        fill: writes the layer's bytes, compressed or not, and says what they are.

    Raises:
        DiskFull, NoPermission, StorageFailure: the disk; nothing of the layer is left.
    """
    with store.ingests.open(f"made-{uuid.uuid4().hex}") as ingest:
        try:
            facts = fill(ingest)
            lease.protect([ingest.digest])
            size = ingest.offset
            digest = ingest.commit()
        except BaseException:
            ingest.discard()  # nobody can know that these bytes are theirs
            raise
    record = LayerRecord(digest, facts.diff_id, facts.tar_size, facts.content_size)
    with store.database.write() as tx:
        store.content.record_blobs(tx, [(digest, size)])
        store.content.record_layers(tx, [record])
    return Descriptor(media_type=_layer_type(form, facts.compression), digest=digest, size=size), facts


def _layer_type(form: str, compression: Compression) -> str:
    if form == mediatype.DOCKER_MANIFEST and compression is Compression.GZIP:
        return mediatype.DOCKER_LAYER_GZIP
    return mediatype.layer_media_type(compression)


def keep_image(
    store: Store,
    lease: Lease,
    config: ImageConfig,
    layers: Sequence[Descriptor],
    *,
    form: str = mediatype.OCI_MANIFEST,
    reference: Reference | None,
    command: str,
    check: Callable[[], None],
) -> Made:
    """Write an image's config and manifest, record it, and name it.

    Args:
        store: where to; the layers are in it.
        lease: protects the layers, and gets the documents.
        config: of the image.
        layers: as its manifest names them, the lowest first.
        form: media type of the manifest.
        reference: the name to give to it; None for none.
        command: for the log of names.
        check: called often; it may raise to stop.

    Raises:
        DiskFull, NoPermission, StorageFailure: the disk.
        InvalidDocument: a text of the config is not UTF-8.
    """
    written = encode_document(config)
    described = Descriptor(media_type=_CONFIGS[form], digest=Digest.of(written), size=len(written))
    manifest = Manifest(schema_version=2, media_type=form, config=described, layers=tuple(layers))
    raw = encode_document(manifest)
    document = Document(raw, form, Digest.of(raw))
    lease.protect([described.digest, document.digest])
    intake = Intake(store, silent, check)
    intake.config(_Written(written), described)
    intake.document(document)
    with store.database.write() as tx:
        store.content.record_blobs(tx, [(document.digest, len(raw))])
        store.content.record_manifest(tx, document.digest, manifest, parse_config(written))
        store.names.keep(tx, document.digest)
        if reference is not None:
            store.names.move(tx, reference, document.digest, command)
    return Made(document.digest, described.digest, reference)


class _Written:
    """A source that has one config."""

    def __init__(self, config: bytes) -> None:
        self._config = config

    def document(self, reference: Digest | str) -> Document:
        raise AssertionError(f"nobody asks for {reference} here")

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring the config into a sink."""
        assert descriptor.size == len(self._config)
        sink.write(memoryview(self._config)[sink.offset :])
