"""The OCI image layout: which images its index.json names (image-spec image-layout.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from shale.errors import Unsupported
from shale.image.archive.contents import ArchivedImage
from shale.image.archive.members import InvalidArchive, MemberNotFound, Members, read_member
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.document import MAX_MANIFEST, read_document
from shale.oci.reference import InvalidReference, Reference

__all__ = ["CONTAINERD_NAME", "INDEX", "LAYOUT", "REF_NAME", "has_layout", "layout_images"]

INDEX: Final = "index.json"
LAYOUT: Final = "oci-layout"
REF_NAME: Final = "org.opencontainers.image.ref.name"
"""A tag, or a whole name: the specification leaves it to who writes it."""
CONTAINERD_NAME: Final = "io.containerd.image.name"
"""A whole name; containerd and docker write and read it."""

_VERSION: Final = "1."


class _Index(msgspec.Struct, frozen=True, rename="camel"):
    """index.json; docker 25 writes null where it has no manifests."""

    schema_version: int
    manifests: tuple[Descriptor, ...] | None = None


class _Layout(msgspec.Struct, frozen=True, rename="camel"):
    image_layout_version: str


def has_layout(members: Members) -> bool:
    """Whether an archive is an OCI layout, perhaps among other things."""
    try:
        members.size(INDEX)
    except MemberNotFound:
        return False
    return True


def layout_images(members: Members) -> list[ArchivedImage]:
    """The images of a layout, in order; one that is named twice comes once, with all its names.

    Raises:
        InvalidArchive, InvalidDocument: a file of the layout is missing or malformed.
        Unsupported: the layout is of another version.
    """
    try:
        layout = read_document(read_member(members, LAYOUT, 4096), _Layout, what=LAYOUT)
    except MemberNotFound:
        raise InvalidArchive(f"the archive has an {INDEX} but no {LAYOUT}; it is no OCI layout") from None
    if not layout.image_layout_version.startswith(_VERSION):
        raise Unsupported(f"the OCI layout has version {layout.image_layout_version[:40]}; version 1 is known")
    index = read_document(read_member(members, INDEX, MAX_MANIFEST), _Index, what=INDEX)
    if index.schema_version != 2:
        raise InvalidArchive(f"{INDEX} has schemaVersion {index.schema_version}; 2 is expected")
    return [
        ArchivedImage(child.digest, _names(child.annotations or {}), _labels(child.annotations or {}))
        for child in index.manifests or ()
        if mediatype.is_manifest(child.media_type) or mediatype.is_index(child.media_type)
    ]


def _labels(annotations: Mapping[str, str]) -> tuple[str, ...]:
    label = annotations.get(REF_NAME)
    return (label,) if label is not None else ()


def _names(annotations: Mapping[str, str]) -> tuple[Reference, ...]:
    """What annotations call an image; a bare tag is no name, and free text that is none is passed over."""
    label = annotations.get(REF_NAME, "")
    for text in (annotations.get(CONTAINERD_NAME, ""), label if "/" in label or ":" in label else ""):
        if text:
            try:
                reference = Reference.parse(text)
            except InvalidReference:
                continue
            if reference.digest is None:
                return (reference.with_default_tag(),)
    return ()
