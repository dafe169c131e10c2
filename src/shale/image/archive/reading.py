"""Which images an archive has, whatever its form; where it has two forms, they are read as one.

Since docker 25 an archive is an OCI layout with a manifest.json beside it. The layout has the manifests, and
is believed for those; manifest.json has the names, and images whose manifests docker did not keep.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from shale.errors import ShaleError
from shale.image.archive.contents import ArchivedContent, ArchivedImage, lacking
from shale.image.archive.dockersave import DockerEntry, config_digest, docker_entries, make_manifest, tags
from shale.image.archive.layout import has_layout, layout_images
from shale.image.archive.members import InvalidArchive, Members
from shale.image.graph import walk
from shale.oci.digest import Digest
from shale.oci.reference import Reference

__all__ = ["Archive", "read_archive"]


class Archive(msgspec.Struct, frozen=True):
    """An archive that was looked into.

    Attributes:
        content: what it has, by digest.
        images: in the order of the archive.
    """

    content: ArchivedContent
    images: tuple[ArchivedImage, ...]


def read_archive(members: Members) -> Archive:
    """Find the images of an archive; their blobs are not read yet.

    Raises:
        InvalidArchive: it has no images, or contradicts itself.
        InvalidDocument, InvalidReference, MemberNotFound, ArchiveDamaged: a document of it is unusable.
        Unsupported: it is older or newer than what is known.
    """
    content = ArchivedContent(members)
    images: dict[Digest, ArchivedImage] = {}
    labelled = layout_images(members) if has_layout(members) else []
    for image in labelled:
        _add(images, image)
    configs = _Configs(content, list(images))
    for entry in docker_entries(members):
        _add(images, _of_entry(content, configs, entry))
    _refuse_contradictions(images)
    if not images:
        raise InvalidArchive("the archive has no images: neither index.json nor manifest.json names any")
    return Archive(content, tuple(images.values()))


class _Configs:
    """The image ids in a layout, read only where manifest.json asks for them."""

    def __init__(self, content: ArchivedContent, targets: list[Digest]) -> None:
        self._content = content
        self._targets = targets
        self._known: dict[Digest, Digest] | None = None

    def target(self, config: Digest) -> Digest | None:
        """The image of the layout that has a config."""
        if self._known is None:
            self._known = {}
            for target in self._targets:
                for found in self._of(target):
                    self._known.setdefault(found, target)
        return self._known.get(config)

    def _of(self, target: Digest) -> list[Digest]:
        content = self._content
        try:
            root = content.document(target)
            graph = walk(content, root, missing=lacking(content, content.holds))
        except ShaleError:
            return []  # loading it comes to the same and says what is wrong
        return [manifest.config.digest for manifest in graph.manifests]


def _of_entry(content: ArchivedContent, configs: _Configs, entry: DockerEntry) -> ArchivedImage:
    target = configs.target(config_digest(content.members, entry)[0])
    return make_manifest(content, entry) if target is None else ArchivedImage(target, tags(entry))


def _add(images: dict[Digest, ArchivedImage], image: ArchivedImage) -> None:
    known = images.setdefault(image.target, image)
    names = tuple(dict.fromkeys((*known.names, *image.names)))
    labels = tuple(dict.fromkeys((*known.labels, *image.labels)))
    images[image.target] = replace(known, names=names, labels=labels)


def _refuse_contradictions(images: dict[Digest, ArchivedImage]) -> None:
    """One name, one image: index.json and manifest.json must not be read differently by different readers."""
    owners: dict[Reference, Digest] = {}
    for image in images.values():
        for name in image.names:
            if owners.setdefault(name, image.target) != image.target:
                raise InvalidArchive(f"the archive gives the name {name.familiar} to two different images")
