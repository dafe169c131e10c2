"""What `docker save` wrote: manifest.json, and the manifests that it leaves out.

Before docker 25 such an archive has no manifests, and its layers are not compressed. The bytes of config and
layers are kept as they come, so the image id stays; a manifest is made for them, the same every time.

Specification: moby image/spec/v1.2.md "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from shale.errors import Unsupported
from shale.image.archive.contents import ArchivedContent, ArchivedImage
from shale.image.archive.members import InvalidArchive, MemberNotFound, Members, components, read_member
from shale.image.ports import Document
from shale.layer.compression import detect
from shale.oci import mediatype
from shale.oci.config import parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import MAX_CONFIG, MAX_MANIFEST, encode_document, read_document
from shale.oci.manifest import Manifest
from shale.oci.reference import Reference

__all__ = ["MANIFEST", "DockerEntry", "docker_entries", "make_manifest", "tags"]

MANIFEST: Final = "manifest.json"
_LEGACY: Final = "repositories"
_BLOB: Final = re.compile(r"blobs/(sha256)/([0-9a-f]{64})\Z")
_CHUNK: Final = 1 << 20


class DockerEntry(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One image in manifest.json: where its config and layers are in the archive, and its names."""

    config: str
    repo_tags: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None


def docker_entries(members: Members) -> tuple[DockerEntry, ...]:
    """What manifest.json lists; nothing where there is no such file.

    Raises:
        InvalidArchive, InvalidDocument: it is malformed or too large.
        Unsupported: an archive of docker before 1.10, which has only `repositories`.
    """
    try:
        raw = read_member(members, MANIFEST, MAX_MANIFEST)
    except MemberNotFound:
        _refuse_legacy(members)
        return ()
    return read_document(raw, tuple[DockerEntry, ...] | None, what=MANIFEST) or ()  # type: ignore[arg-type]


def _refuse_legacy(members: Members) -> None:
    try:
        members.size(_LEGACY)
    except MemberNotFound:
        return
    raise Unsupported(
        "the archive is of a docker before 1.10 (it has repositories but no manifest.json), whose images "
        "cannot be verified; load it into a current docker and save it again"
    )


def tags(entry: DockerEntry) -> tuple[Reference, ...]:
    """The names of an image.

    Raises:
        InvalidReference: one is no name.
    """
    return tuple(Reference.parse(text).with_default_tag() for text in entry.repo_tags or ())


def config_digest(members: Members, entry: DockerEntry) -> tuple[Digest, bytes]:
    """The image id of an entry, and the config's bytes, of which it is made."""
    raw = read_member(members, entry.config, MAX_CONFIG)
    return Digest.of(raw), raw


def make_manifest(content: ArchivedContent, entry: DockerEntry) -> ArchivedImage:
    """Make the manifest of an image whose archive has none, and say where its blobs are.

    Args:
        content: learns the places of config and layers, and the manifest.
        entry: the image.

    Raises:
        MemberNotFound: a file that it names is not in the archive.
        InvalidArchive, InvalidDocument, InvalidReference: something about it is malformed.
    """
    digest, raw = config_digest(content.members, entry)
    diff_ids = parse_config(raw, what=f"{entry.config} in the archive").rootfs.diff_ids
    layers = entry.layers or ()
    if len(layers) != len(diff_ids):
        raise InvalidArchive(
            f"image {digest.short} in the archive has {len(layers)} layers, its config names {len(diff_ids)}"
        )
    content.places[digest] = entry.config
    config = Descriptor(media_type=mediatype.OCI_CONFIG, digest=digest, size=len(raw))
    manifest = Manifest(
        schema_version=2,
        media_type=mediatype.OCI_MANIFEST,
        config=config,
        layers=tuple(_layers(content, layers, diff_ids)),
    )
    document = encode_document(manifest)
    target = Digest.of(document)
    content.made[target] = Document(document, mediatype.OCI_MANIFEST, target)
    return ArchivedImage(target, tags(entry))


def _layers(content: ArchivedContent, names: Sequence[str], diff_ids: Sequence[DiffID]) -> list[Descriptor]:
    found = []
    for name, diff_id in zip(names, diff_ids, strict=True):
        layer = _layer(content.members, name, diff_id)
        content.places[layer.digest] = name
        found.append(layer)
    return found


def _layer(members: Members, name: str, diff_id: DiffID) -> Descriptor:
    """The descriptor of a layer. What it says is verified when the layer is loaded, so it may be guessed."""
    size = members.size(name)
    with members.open_at(name, 0) as file:
        compression = detect(file.read(4) or b"")
    if match := _BLOB.match("/".join(components(name))):
        digest = Digest(match[1], match[2])
    elif compression is mediatype.Compression.NONE:
        digest = Digest(diff_id.algorithm, diff_id.encoded)
    else:
        digest = _hash(members, name)
    return Descriptor(media_type=mediatype.layer_media_type(compression), digest=digest, size=size)


def _hash(members: Members, name: str) -> Digest:
    hasher = Digest("sha256", "").new_hasher()
    buffer = memoryview(bytearray(_CHUNK))
    with members.open_at(name, 0) as file:
        while count := file.readinto(buffer):  # type: ignore[attr-defined]  # BinaryIO lacks it
            hasher.update(buffer[:count])
    return Digest.from_hasher("sha256", hasher)
