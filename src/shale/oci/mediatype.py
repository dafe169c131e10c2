"""Media types of the image world, and what each one is.

Specification: image-spec media-types.md, and Docker's "Image Manifest V 2, Schema 2".
"""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = [
    "ACCEPTED_MANIFESTS",
    "DOCKER_CONFIG",
    "DOCKER_LAYER_GZIP",
    "DOCKER_MANIFEST",
    "DOCKER_MANIFEST_LIST",
    "OCI_CONFIG",
    "OCI_EMPTY",
    "OCI_INDEX",
    "OCI_LAYER",
    "OCI_LAYER_GZIP",
    "OCI_LAYER_ZSTD",
    "OCI_MANIFEST",
    "Compression",
    "is_config",
    "is_index",
    "is_layer",
    "is_manifest",
    "is_nondistributable",
    "is_schema1",
    "layer_media_type",
]

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD: Final = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"

ACCEPTED_MANIFESTS: Final = (OCI_INDEX, DOCKER_MANIFEST_LIST, OCI_MANIFEST, DOCKER_MANIFEST)
"""What a client asks a registry for, best first."""

_SCHEMA1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)


class Compression(Enum):
    """How the bytes of a layer are compressed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


_LAYERS: Final = {
    OCI_LAYER: Compression.NONE,
    OCI_LAYER_GZIP: Compression.GZIP,
    OCI_LAYER_ZSTD: Compression.ZSTD,
    "application/vnd.oci.image.layer.nondistributable.v1.tar": Compression.NONE,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip": Compression.GZIP,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd": Compression.ZSTD,
    "application/vnd.docker.image.rootfs.diff.tar": Compression.NONE,
    DOCKER_LAYER_GZIP: Compression.GZIP,
    "application/vnd.docker.image.rootfs.diff.tar.zstd": Compression.ZSTD,
    "application/vnd.docker.image.rootfs.foreign.diff.tar": Compression.NONE,
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip": Compression.GZIP,
}


def is_manifest(media_type: str) -> bool:
    """Whether a document of this type is an image manifest (of OCI or Docker schema 2)."""
    return media_type in (OCI_MANIFEST, DOCKER_MANIFEST)


def is_index(media_type: str) -> bool:
    """Whether a document of this type is an image index or a manifest list."""
    return media_type in (OCI_INDEX, DOCKER_MANIFEST_LIST)


def is_schema1(media_type: str) -> bool:
    """Whether this is Docker's schema 1, which shale refuses: it has no verifiable config."""
    return media_type in _SCHEMA1


def is_config(media_type: str) -> bool:
    """Whether a blob of this type is an image config."""
    return media_type in (OCI_CONFIG, DOCKER_CONFIG)


def is_layer(media_type: str) -> bool:
    """Whether a blob of this type is a file system layer."""
    return media_type in _LAYERS


def is_nondistributable(media_type: str) -> bool:
    """Whether a layer of this type may have to be fetched from elsewhere (layer.md, "Non-Distributable")."""
    return "nondistributable" in media_type or "rootfs.foreign" in media_type


def layer_media_type(compression: Compression) -> str:
    """The OCI media type for a layer that we write."""
    return {
        Compression.NONE: OCI_LAYER,
        Compression.GZIP: OCI_LAYER_GZIP,
        Compression.ZSTD: OCI_LAYER_ZSTD,
    }[compression]
