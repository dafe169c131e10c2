"""What those need of an image who make file systems of it: its layers by their two names, and its config."""

from __future__ import annotations

from collections.abc import Sequence

from shale.errors import Invalid
from shale.oci import mediatype
from shale.oci.config import ImageConfig, parse_config
from shale.oci.digest import Digest
from shale.oci.document import MAX_CONFIG, InvalidDocument
from shale.oci.manifest import Manifest
from shale.snapshot.layers import LayerKey
from shale.store.store import Store

__all__ = ["image_config_of", "layer_keys"]


def image_config_of(store: Store, manifest: Digest) -> ImageConfig:
    """The config of an image, verified.

    Raises:
        ManifestNotFound, BlobNotFound, BlobDamaged: it is not here whole.
        Invalid: it is no image.
    """
    return _read(store, manifest)[1]


def layer_keys(store: Store, manifest: Digest) -> Sequence[LayerKey]:
    """The layers of an image, bottom first, each by its blob and by its tar.

    Args:
        store: where it is.
        manifest: the digest of the image's manifest.

    Raises:
        ManifestNotFound, BlobNotFound, BlobDamaged: it is not here whole.
        Invalid: it is no image of layers, or its config does not say what they unpack to.
    """
    document, config = _read(store, manifest)
    strange = [layer.media_type for layer in document.layers if not mediatype.is_layer(layer.media_type)]
    if strange:
        raise Invalid(f"image {manifest.short} cannot be mounted: it has content of type {strange[0]}")
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != len(document.layers):
        raise InvalidDocument(
            f"image {manifest.short} has {len(document.layers)} layers, its config names {len(diff_ids)}"
        )
    return [LayerKey(layer.digest, diff_id) for layer, diff_id in zip(document.layers, diff_ids, strict=True)]


def _read(store: Store, manifest: Digest) -> tuple[Manifest, ImageConfig]:
    document = store.content.manifest(manifest)
    if not isinstance(document, Manifest) or not document.is_image:
        raise Invalid(f"{manifest} is no image that could be mounted: it has no config of an image")
    return document, parse_config(store.blobs.read(document.config.digest, MAX_CONFIG))
