"""Which images are made of which: those whose layers begin with the layers of another."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from shale.errors import ShaleError
from shale.image.history import image_config
from shale.image.listing import ImageSummary, list_images
from shale.image.resolve import find_image
from shale.oci.digest import DiffID, Digest
from shale.oci.platform import Platform
from shale.store.store import Store

__all__ = ["descendants"]


def descendants(store: Store, text: str, host: Platform) -> Collection[Digest]:
    """The manifests of an image, and of all images here that begin with its layers.

    Raises:
        ImageNotFound, AmbiguousImage, InvalidReference: see `find_image`.
    """
    ancestor = find_image(store, text, host).image
    found = {one.manifest for one in ancestor.platforms}
    chains = [chain for chain in _chains(store, ancestor).values() if chain]
    for image in list_images(store, host):
        for manifest, chain in _chains(store, image).items():
            if any(chain[: len(one)] == one for one in chains):
                found.add(manifest)
    return found


def _chains(store: Store, image: ImageSummary) -> dict[Digest, tuple[DiffID, ...]]:
    chains = {}
    for platform in image.platforms:
        with suppress(ShaleError):  # an image that cannot be read is nobody's descendant
            chains[platform.manifest] = image_config(store, platform).rootfs.diff_ids
    return chains
