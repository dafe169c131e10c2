"""The graph below one document: what has to move, children before parents.

A hostile index may be deep or wide: the walk has bounds, and a digest is visited once, so it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from shale.errors import NotFound
from shale.image.ports import Document, Source
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import InvalidDocument
from shale.oci.manifest import Index, Manifest, parse_manifest
from shale.oci.platform import Platform, best_match

__all__ = ["Graph", "NoMatchingPlatform", "Node", "walk"]

_MAX_DEPTH: Final = 8
_MAX_DOCUMENTS: Final = 2000


class NoMatchingPlatform(NotFound):
    """An index has nothing for the platform that was asked for."""


class Node(msgspec.Struct, frozen=True):
    """A document and its meaning."""

    document: Document
    parsed: Manifest | Index


class Graph(msgspec.Struct):
    """What a walk found.

    Attributes:
        root: the document that was asked for.
        nodes: all documents, children before parents, so that the last one is the root.
        chosen: the manifest for the platform, where one was asked for.
    """

    root: Document
    nodes: list[Node] = msgspec.field(default_factory=list)
    chosen: Node | None = None

    @property
    def manifests(self) -> Iterator[Manifest]:
        """The manifests among the documents."""
        return (node.parsed for node in self.nodes if isinstance(node.parsed, Manifest))

    @property
    def platforms(self) -> dict[Digest, Platform]:
        """What the indexes say that their manifests are for, where they say it."""
        indexes = [node.parsed for node in self.nodes if isinstance(node.parsed, Index)]
        children = (child for index in indexes for child in index.manifests)
        return {child.digest: child.platform for child in children if child.platform is not None}

    @property
    def blobs(self) -> list[Descriptor]:
        """Configs and layers, each once, in order of the manifests."""
        unique: dict[Digest, Descriptor] = {}
        for manifest in self.manifests:
            for child in manifest.children:
                unique.setdefault(child.digest, child)
        return list(unique.values())


class _Walk:
    def __init__(
        self, source: Source, keep: Callable[[Document], None], missing: Callable[[Descriptor], bool]
    ) -> None:
        self.source = source
        self.keep = keep
        self.missing = missing
        self.seen: set[Digest] = set()
        self.nodes: list[Node] = []

    def visit(self, document: Document, depth: int) -> None:
        if document.digest in self.seen:
            return
        self.seen.add(document.digest)
        if depth > _MAX_DEPTH or len(self.seen) > _MAX_DOCUMENTS:
            raise InvalidDocument(
                f"index {document.digest} is too deep or too wide: "
                f"at most {_MAX_DEPTH} levels and {_MAX_DOCUMENTS} documents are followed"
            )
        parsed = parse_manifest(document.raw, document.media_type)
        self.keep(document)
        if isinstance(parsed, Index):
            for child in parsed.manifests:
                if _is_document(child) and not self.missing(child):
                    self.visit(self.fetch(child), depth + 1)
        self.nodes.append(Node(document, parsed))

    def fetch(self, child: Descriptor) -> Document:
        document = self.source.document(child.digest)
        if len(document.raw) != child.size:
            raise InvalidDocument(
                f"manifest {child.digest} has {len(document.raw)} bytes, its index says {child.size}"
            )
        if mediatype.is_index(document.media_type) != mediatype.is_index(child.media_type):
            raise InvalidDocument(
                f"manifest {child.digest} is {document.media_type}, its index says {child.media_type}"
            )
        return document


def _is_document(child: Descriptor) -> bool:
    return mediatype.is_manifest(child.media_type) or mediatype.is_index(child.media_type)


def walk(
    source: Source,
    root: Document,
    platform: Platform | None = None,
    keep: Callable[[Document], None] = lambda _: None,
    missing: Callable[[Descriptor], bool] = lambda _: False,
) -> Graph:
    """Find what belongs to a document.

    Args:
        source: where to read further documents.
        root: where to begin.
        platform: of an index, take only the manifest that fits this best; None takes all.
        keep: told each document when it came, parents first.
        missing: tells which children of an index to leave out where everything is taken, because their
            content is known not to be there.

    Raises:
        NoMatchingPlatform: nothing fits the platform.
        InvalidDocument: a document is malformed, or the graph is too large.
    """
    steps = _Walk(source, keep, missing)
    if platform is None:
        steps.visit(root, 0)
        return Graph(root, steps.nodes)
    above: list[Node] = []
    document = root
    while isinstance(parsed := parse_manifest(document.raw, document.media_type), Index):
        if len(above) > _MAX_DEPTH:
            raise InvalidDocument(f"index {root.digest} is nested too deeply")
        keep(document)
        above.append(Node(document, parsed))
        document = steps.fetch(_choose(parsed, platform, document.digest))
    keep(document)
    chosen = Node(document, parsed)
    return Graph(root, [chosen, *reversed(above)], chosen)


def _choose(index: Index, platform: Platform, digest: Digest) -> Descriptor:
    candidates = [child for child in index.manifests if _is_document(child)]
    offered = [(child.platform, child) for child in candidates if child.platform is not None]
    best = best_match(platform, offered)
    if best is not None:
        return best
    unnamed = [child for child in candidates if child.platform is None]
    if len(unnamed) == 1 and not offered:
        return unnamed[0]
    there = ", ".join(sorted({str(one) for one, _ in offered})) or "none"
    raise NoMatchingPlatform(
        f"no image for platform {platform} in index {digest.short}; there are: {there}; "
        "choose one with --platform"
    )
