"""Manifests and indexes (image-spec manifest.md, image-index.md; Docker schema 2 and manifest list).

One document has one meaning: what says `mediaType` A and looks like B is refused (CVE-2021-41190).
"""

from __future__ import annotations

from typing import Any

import msgspec

from shale.errors import Unsupported
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor, MediaType
from shale.oci.digest import Digest
from shale.oci.document import MAX_MANIFEST, InvalidDocument, Listed, fill_lists, read_document

__all__ = ["Index", "Manifest", "SchemaOne", "detect_media_type", "parse_manifest"]


class SchemaOne(Unsupported):
    """The registry answered with a Docker schema 1 manifest."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One image for one platform, or one artifact.

    Attributes:
        schema_version: always 2.
        media_type: the document's own type; parse_manifest fills it in where the document left it out.
        config: points at the image config (or the artifact's).
        layers: points at the layers, base first.
        subject: the manifest that this one refers to (a signature says what it signs).
        artifact_type: the artifact's type, when this is not an image.
        annotations: free text pairs.
    """

    schema_version: int
    media_type: str | None = None
    artifact_type: MediaType | None = None
    config: Descriptor
    layers: Listed[Descriptor]
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None

    def __post_init__(self) -> None:
        fill_lists(self, "layers")

    @property
    def is_image(self) -> bool:
        """Whether this is an image that could run, not an artifact of another kind."""
        return mediatype.is_config(self.config.media_type)

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """Everything that this document needs to be complete: config and layers."""
        return (self.config, *self.layers)


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Several manifests under one digest, one per platform (or indexes again).

    Attributes:
        schema_version: always 2.
        media_type: the document's own type; parse_manifest fills it in where the document left it out.
        manifests: the children; each may have a platform.
        subject: the manifest that this one refers to.
        artifact_type: the artifact's type.
        annotations: free text pairs.
    """

    schema_version: int
    media_type: str | None = None
    artifact_type: MediaType | None = None
    manifests: Listed[Descriptor]
    subject: Descriptor | None = None
    annotations: dict[str, str] | None = None

    def __post_init__(self) -> None:
        fill_lists(self, "manifests")

    @property
    def children(self) -> tuple[Descriptor, ...]:
        """Everything that this document points at."""
        return self.manifests


class _Typed(msgspec.Struct, frozen=True, rename="camel"):
    """The one field of a config's descriptor that tells Docker's manifests from OCI's."""

    media_type: Any = None


class _Shape(msgspec.Struct, frozen=True, rename="camel"):
    """The fields that tell one kind of document from another."""

    schema_version: int | None = None
    media_type: str | None = None
    config: _Typed | msgspec.UnsetType | None = msgspec.UNSET
    layers: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    manifests: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    fs_layers: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def detect_media_type(raw: bytes, declared: str | None = None, *, what: str = "manifest") -> str:
    """What kind of manifest these bytes are, by what they say and what they look like.

    Args:
        raw: the document.
        declared: the Content-Type or the parent descriptor's media type, if there is one; parameters
            after `;` are ignored, and so is a type that is not one of the four.
        what: how to call the document in an error.

    Raises:
        SchemaOne: a Docker schema 1 manifest.
        InvalidDocument: not a manifest, or one that says it is another kind than it is.
    """
    shape = read_document(raw, _Shape, what=what)
    declared = (declared or "").partition(";")[0].strip().lower() or None
    if declared is not None and not (mediatype.is_manifest(declared) or mediatype.is_index(declared)):
        if mediatype.is_schema1(declared):
            raise _schema_one(what)
        declared = None
    if shape.schema_version == 1 or mediatype.is_schema1(shape.media_type or ""):
        raise _schema_one(what)
    if shape.schema_version != 2:
        raise InvalidDocument(f"{what} is not valid: schemaVersion must be 2")
    as_manifest = shape.config is not msgspec.UNSET or shape.layers is not msgspec.UNSET
    as_index = shape.manifests is not msgspec.UNSET
    if (as_manifest and as_index) or shape.fs_layers is not msgspec.UNSET:
        raise InvalidDocument(f"{what} is not valid: it mixes the fields of a manifest and of an index")
    if shape.media_type and declared and shape.media_type != declared:
        raise InvalidDocument(
            f"{what} is not valid: it was declared as {declared} and says that it is {shape.media_type!r}"
        )
    found = shape.media_type or declared or _guess(shape)
    if not (mediatype.is_index(found) or mediatype.is_manifest(found)):
        raise InvalidDocument(
            f"{what} is not valid: it says that it is {found[:140]!r}, which is neither a manifest nor an index"
        )
    if mediatype.is_index(found) != as_index or mediatype.is_manifest(found) != as_manifest:
        raise InvalidDocument(f"{what} is not valid: its fields are not those of {found}")
    return found


def _guess(shape: _Shape) -> str:
    """The type of a document that does not say it, and of which the sender said nothing either."""
    if shape.manifests is not msgspec.UNSET:
        return mediatype.OCI_INDEX
    if isinstance(shape.config, _Typed) and shape.config.media_type == mediatype.DOCKER_CONFIG:
        return mediatype.DOCKER_MANIFEST
    return mediatype.OCI_MANIFEST


def _schema_one(what: str) -> SchemaOne:
    return SchemaOne(
        f"{what} is a Docker schema 1 manifest, which is not supported: its content cannot be verified; "
        "push the image again with a current tool"
    )


def parse_manifest(raw: bytes, declared: str | None = None, *, what: str | None = None) -> Manifest | Index:
    """Read a manifest or an index; `media_type` of the result is always set.

    Args:
        raw: the document as it came, at most 4 MiB.
        declared: the media type that the sender or the parent gave, if any.
        what: how to call the document in an error; by default its digest.

    Raises:
        SchemaOne: a Docker schema 1 manifest.
        InvalidDocument: malformed, or two kinds at once.
    """
    if what is None:
        what = f"manifest {Digest.of(raw)}" if len(raw) <= MAX_MANIFEST else "manifest"
    media_type = detect_media_type(raw, declared, what=what)
    kind: type[Any] = Index if mediatype.is_index(media_type) else Manifest
    document: Manifest | Index = read_document(raw, kind, what=what)
    if document.media_type is None:
        document = msgspec.structs.replace(document, media_type=media_type)
    return document
