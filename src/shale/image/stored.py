"""The store as a source of images: what push, save and copy read from."""

from __future__ import annotations

from typing import BinaryIO, Final

from shale.image.ports import BlobSink, Document
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST
from shale.oci.manifest import detect_media_type
from shale.oci.reference import Reference
from shale.store.store import Store

__all__ = ["StoredImages"]

_CHUNK: Final = 1024 * 1024


class StoredImages:
    """Reads the graph of a store; a `Source` by digest, and by name for those who have a reference."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def document(self, reference: Digest | str) -> Document:
        """A manifest or an index, by digest or by canonical name.

        Raises:
            NotFound: it is not here.
            BlobDamaged: it is here, but its bytes have changed.
        """
        if isinstance(reference, str):
            reference = self._store.names.get(Reference.parse(reference)).target
        raw = self._store.blobs.read(reference, MAX_MANIFEST)
        return Document(raw, detect_media_type(raw, what=f"manifest {reference}"), reference)

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring a blob into a sink, from its offset on."""
        buffer = memoryview(bytearray(_CHUNK))
        with self.open_at(descriptor.digest, sink.offset) as blob:
            while count := blob.readinto(buffer):  # type: ignore[attr-defined]  # BinaryIO lacks it
                sink.write(buffer[:count])

    def open_at(self, digest: Digest, offset: int) -> BinaryIO:
        """Open a blob at an offset; the caller closes it.

        Raises:
            BlobNotFound: it is not here.
        """
        blob = self._store.blobs.open(digest)
        blob.seek(offset)
        return blob

    def holds(self, descriptor: Descriptor) -> bool:
        """Whether a blob or a document is here with its size."""
        return self._store.blobs.holds(descriptor.digest, descriptor.size)
