"""A tar of images being written: an OCI layout, and by request manifest.json for those who know only that.

The order is that of docker since 25: blobs, then the documents of the archive itself, which so are only in an
archive whose blobs are all there. The bytes depend on nothing but the images.

Specification: image-spec image-layout.md; moby image/spec/v1.2.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from shale.image.archive.dockersave import MANIFEST, DockerEntry
from shale.image.archive.index import LAYOUT_CONTENT, entries, index_document
from shale.image.archive.layout import INDEX, LAYOUT
from shale.image.archive.tarstream import TarStream
from shale.image.graph import Graph, Node
from shale.image.landing import CheckedSink, Label
from shale.image.ports import Document, Outcome, Source
from shale.oci.config import parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_CONFIG, encode_document
from shale.oci.manifest import Manifest
from shale.oci.platform import Platform, best_match

__all__ = ["TarLanding"]


class TarLanding:
    """Writes a tar; a `Landing`. Call `finish` when all images are in it."""

    jobs: Final = 1

    def __init__(self, stream: BinaryIO, host: Platform, *, for_docker: bool) -> None:
        """Begin the archive.

        Args:
            stream: gets the bytes; it stays the caller's.
            host: the platform whose image stands in manifest.json, which has no indexes.
            for_docker: whether to write manifest.json.
        """
        self._tar = TarStream(stream)
        self._host = host
        self._for_docker = for_docker
        self._written: set[Digest] = set()
        self._folders: set[str] = set()
        self._platforms: dict[Digest, Platform] = {}
        self._index: list[dict[str, Any]] = []
        self._docker: list[DockerEntry] = []

    def take(self, source: Source, descriptor: Descriptor, progress: Callable[[int], None]) -> Outcome:
        """See `Landing`."""
        if descriptor.digest in self._written:
            return Outcome(existed=True)
        config = bytearray()
        keeps = self._for_docker and descriptor.media_type.endswith("+json") and descriptor.size <= MAX_CONFIG

        def write(chunk: memoryview) -> None:
            self._tar.write(chunk)
            if keeps:
                config.extend(chunk)

        def again() -> None:
            self._tar.again()
            config.clear()

        self._begin(descriptor.digest, descriptor.size)
        sink = CheckedSink(descriptor, write, again, progress)
        if descriptor.size:
            source.fetch(descriptor, sink)
        sink.verify()
        self._tar.end()
        self._written.add(descriptor.digest)
        if keeps:
            self._platforms[descriptor.digest] = parse_config(bytes(config)).platform
        return Outcome()

    def _begin(self, digest: Digest, size: int) -> None:
        for folder in ("blobs/", f"blobs/{digest.algorithm}/"):
            if folder not in self._folders:
                self._folders.add(folder)
                self._tar.folder(folder)
        self._tar.begin(_place(digest), size)

    def put_document(self, document: Document) -> None:
        """See `Landing`."""
        if document.digest not in self._written:
            self._begin(document.digest, len(document.raw))
            self._tar.write(document.raw)
            self._tar.end()
            self._written.add(document.digest)

    def put_root(self, graph: Graph, labels: Sequence[Label]) -> None:
        """See `Landing`."""
        self.put_document(graph.root)
        self._index += entries(graph, labels)
        if self._for_docker and (chosen := self._choose(graph)) is not None:
            tags = [label.reference.familiar for label in labels if label.reference is not None]
            self._docker.append(
                DockerEntry(
                    config=_place(chosen.config.digest),
                    repo_tags=tuple(tags) or None,
                    layers=tuple(_place(layer.digest) for layer in chosen.layers),
                )
            )

    def _choose(self, graph: Graph) -> Manifest | None:
        """The image for this machine, or the first one; an artifact has none."""
        images = [_manifest(node) for node in graph.nodes if _is_image(node)]
        offered = [(self._platforms[one.config.digest], one) for one in images]
        return best_match(self._host, offered) or next(iter(images), None)

    def finish(self) -> None:
        """Write the archive's own documents, and end it."""
        self._tar.file(INDEX, index_document(self._index))
        if self._for_docker:
            self._tar.file(MANIFEST, encode_document(self._docker))
        self._tar.file(LAYOUT, LAYOUT_CONTENT)
        self._tar.close()


def _place(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.encoded}"


def _is_image(node: Node) -> bool:
    return isinstance(node.parsed, Manifest) and node.parsed.is_image


def _manifest(node: Node) -> Manifest:
    assert isinstance(node.parsed, Manifest)
    return node.parsed
