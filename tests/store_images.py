"""Small true images for tests of the store: made, committed and recorded as a pull does it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import encode_document
from shale.oci.manifest import Index, Manifest
from shale.oci.reference import Reference
from shale.store.actions import Wanted
from shale.store.blobs import BlobNotFound
from shale.store.content import LayerRecord, Source
from shale.store.ingests import ingest_key
from shale.store.store import Store

__all__ = ["Image", "Registry", "keep_image", "make_image", "make_index", "measure", "noise", "put"]


@dataclass(frozen=True, slots=True)
class Image:
    """An image as bytes: everything that a registry would serve of it.

    Attributes:
        manifest: the document.
        config: the document.
        layers: plain tars, as far as anybody looks.
    """

    manifest: bytes
    config: bytes
    layers: tuple[bytes, ...]

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)

    @property
    def blobs(self) -> tuple[bytes, ...]:
        return (self.config, *self.layers, self.manifest)


def noise(seed: str, size: int) -> bytes:
    """The same random bytes for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(size)


def _descriptor(media_type: str, content: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(content), size=len(content))


def make_image(seed: str, *, layers: tuple[bytes, ...] | None = None, subject: bytes | None = None) -> Image:
    """An image whose content depends on the seed; `subject` is the manifest that it refers to."""
    layers = (noise(f"{seed}/1", 3000), noise(f"{seed}/2", 70_000)) if layers is None else layers
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-05-01T00:00:00Z",
            "config": {"Labels": {"seed": seed}},
            "rootfs": {"type": "layers", "diff_ids": [str(DiffID.of(layer)) for layer in layers]},
        }
    ).encode()
    document = Manifest(
        schema_version=2,
        media_type=mediatype.OCI_MANIFEST,
        config=_descriptor(mediatype.OCI_CONFIG, config),
        layers=tuple(_descriptor(mediatype.OCI_LAYER, layer) for layer in layers),
        subject=None if subject is None else _descriptor(mediatype.OCI_MANIFEST, subject),
    )
    return Image(encode_document(document), config, layers)


def make_index(*manifests: bytes) -> bytes:
    """An index of these manifests."""
    children = tuple(_descriptor(mediatype.OCI_MANIFEST, one) for one in manifests)
    return encode_document(Index(schema_version=2, media_type=mediatype.OCI_INDEX, manifests=children))


def put(store: Store, content: bytes) -> Digest:
    """Ingest and commit bytes; an ingest of the same content by others is waited for."""
    digest = Digest.of(content)
    with store.ingests.open(ingest_key(digest), patience=60) as ingest:
        if store.blobs.holds(digest, len(content)):
            ingest.discard()
            return digest
        ingest.restart()
        for start in range(0, len(content), 32 * 1024):
            ingest.write(content[start : start + 32 * 1024])
        return ingest.commit(digest, len(content))


def record_layers(store: Store, image: Image) -> list[LayerRecord]:
    return [LayerRecord(Digest.of(one), DiffID.of(one), len(one), len(one) - 512) for one in image.layers]


def keep_image(
    store: Store, image: Image, name: str | None = None, *, source: Source | None = None, command: str = "pull"
) -> Digest:
    """Bring an image into the store in the order of a pull, and name it, all under a lease."""
    blobs = [(Digest.of(content), len(content)) for content in image.blobs]
    with store.leases.hold(command) as lease:
        lease.protect(digest for digest, _ in blobs)
        for content in image.blobs:
            digest = Digest.of(content)
            if not store.content.holds(digest, len(content)):
                put(store, content)
                with store.database.write() as tx:
                    store.content.record_blobs(tx, [(digest, len(content))])
        with store.database.write() as tx:
            store.content.record_blobs(tx, blobs)
            store.content.record_layers(tx, record_layers(store, image))
            store.content.record_from_blobs(tx, image.digest)
            if source is not None:
                store.content.record_source(tx, source, [digest for digest, _ in blobs])
            if name is None:
                store.names.keep(tx, image.digest)
            else:
                store.names.move(tx, Reference.parse(name), image.digest, command)
            lease.give_up(tx)
    return image.digest


def keep_index(store: Store, index: bytes) -> Digest:
    digest = put(store, index)
    with store.database.write() as tx:
        store.content.record_blobs(tx, [(digest, len(index))])
        store.content.record_from_blobs(tx, digest)
        store.names.keep(tx, digest)
    return digest


class Registry:
    """A registry for repairs: brings what it was given, and remembers what it was asked for."""

    def __init__(self, store: Store, *contents: bytes) -> None:
        self._store = store
        self._contents = {Digest.of(content): content for content in contents}
        self.asked: list[Wanted] = []

    def fetch(self, wanted: Wanted) -> None:
        self.asked.append(wanted)
        if wanted.digest not in self._contents:
            raise BlobNotFound(wanted.digest)
        put(self._store, self._contents[wanted.digest])

    def measure(self, digest: Digest) -> LayerRecord:
        content = self._store.blobs.read(digest, 1 << 20)
        return LayerRecord(digest, DiffID.of(content), len(content), len(content) - 512)


def measure(digest: Digest) -> LayerRecord:
    raise BlobNotFound(digest)
