"""The members of an archive as a `Source` of images: content by digest."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final, cast

import msgspec

from shale.errors import Corrupt, NotFound, ShaleError
from shale.image.archive.members import InvalidArchive, Members, read_member
from shale.image.ports import BlobSink, Document, Source
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST
from shale.oci.manifest import Index, detect_media_type, parse_manifest
from shale.oci.reference import Reference

__all__ = ["ArchiveDamaged", "ArchivedContent", "ArchivedImage", "lacking"]

_CHUNK: Final = 1 << 20
_DEPTH: Final = 8


class ArchiveDamaged(Corrupt):
    """Bytes in an archive are not those of their digest."""


class ArchivedImage(msgspec.Struct, frozen=True):
    """One image that an archive says it has.

    Attributes:
        target: digest of its manifest or index.
        names: what the archive calls it, as names of images.
        labels: the texts of its annotations `org.opencontainers.image.ref.name`.
    """

    target: Digest
    names: tuple[Reference, ...] = ()
    labels: tuple[str, ...] = ()


class ArchivedContent(msgspec.Struct):
    """Blobs and documents of an archive; a `Source`.

    Attributes:
        members: the files.
        places: where a blob is that is not at its place in an OCI layout.
        made: documents that the archive implies, by digest.
    """

    members: Members
    places: dict[Digest, str] = msgspec.field(default_factory=dict)
    made: dict[Digest, Document] = msgspec.field(default_factory=dict)

    def place(self, digest: Digest) -> str:
        """The name of the member that has a blob."""
        return self.places.get(digest, f"blobs/{digest.algorithm}/{digest.encoded}")

    def document(self, reference: Digest | str) -> Document:
        """A manifest or an index, verified.

        Raises:
            MemberNotFound: it is not in the archive.
            ArchiveDamaged: it has another digest.
        """
        if isinstance(reference, str):
            raise NotFound(f"the archive has no tag {reference}; its content is asked for by digest")
        if reference in self.made:
            return self.made[reference]
        raw = self.read(reference, MAX_MANIFEST)
        return Document(raw, detect_media_type(raw, what=f"manifest {reference}"), reference)

    def read(self, digest: Digest, limit: int) -> bytes:
        """A small blob, verified; errors as `document`."""
        raw = read_member(self.members, self.place(digest), limit)
        hasher = digest.new_hasher()
        hasher.update(raw)
        if hasher.hexdigest() != digest.encoded:
            raise ArchiveDamaged(f"blob {digest} in the archive is damaged: its bytes have another digest")
        return raw

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring a blob into a sink, which verifies it; never more than the descriptor's size.

        Raises:
            MemberNotFound: it is not in the archive.
            InvalidArchive: it has another size.
        """
        name = self.place(descriptor.digest)
        size = self.members.size(name)
        if size != descriptor.size:
            raise InvalidArchive(
                f"blob {descriptor.digest} in the archive has {size} bytes, its manifest says {descriptor.size}"
            )
        buffer = memoryview(bytearray(_CHUNK))
        with self.members.open_at(name, sink.offset) as file:
            while count := _readinto(file, buffer):
                sink.write(buffer[:count])

    def holds(self, descriptor: Descriptor) -> bool:
        """Whether a blob or a document is here with its size."""
        if descriptor.digest in self.made:
            return True
        try:
            return self.members.size(self.place(descriptor.digest)) == descriptor.size
        except NotFound:
            return False


def _readinto(file: BinaryIO, buffer: memoryview) -> int:
    return cast("int", file.readinto(buffer))  # type: ignore[attr-defined]  # BinaryIO lacks it


def lacking(source: Source, holds: Callable[[Descriptor], bool]) -> Callable[[Descriptor], bool]:
    """Tells of which children of an index a place has not everything, to be left out of a walk.

    An image that was pulled for one platform is saved with the whole index, so that its digest stays, but with
    the content of that platform only; docker and podman do the same.

    Args:
        source: where documents are.
        holds: whether a blob is there.
    """

    def missing(child: Descriptor, depth: int = 0) -> bool:
        if depth > _DEPTH or not holds(child):
            return True
        try:
            document = source.document(child.digest)
            parsed = parse_manifest(document.raw, document.media_type)
        except ShaleError:
            return False  # the walk comes to the same and says what is wrong
        if isinstance(parsed, Index):
            documents = [one for one in parsed.manifests if _is_document(one)]
            return bool(documents) and all(missing(one, depth + 1) for one in documents)
        return not all(holds(one) for one in parsed.children)

    return missing


def _is_document(child: Descriptor) -> bool:
    return mediatype.is_manifest(child.media_type) or mediatype.is_index(child.media_type)
