"""How much room a store takes, and for what: what `system df` shows.

Sizes here are bytes on disk: of blobs, which are compressed, each counted once however many images have it,
and of mountable layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from shale.image.listing import ImageSummary, list_images
from shale.image.remove import Remover
from shale.image.uses import Use, uses, uses_of
from shale.oci.digest import Digest
from shale.oci.platform import Platform
from shale.store.collect import Garbage
from shale.store.space import IngestSpace, Space, blob_space, ingest_space, layer_space, root_blobs
from shale.store.store import Store

__all__ = ["ImageUsage", "Usage", "store_usage"]


class ImageUsage(msgspec.Struct, frozen=True):
    """The room of one image.

    Attributes:
        image: which.
        shared: bytes of its blobs that other images have too.
        unique: bytes of its blobs that only it has: what its removal alone would free.
        containers: how many were made of it.
    """

    image: ImageSummary
    shared: int
    unique: int
    containers: int


class Usage(msgspec.Struct, frozen=True):
    """The room of a store.

    Attributes:
        images: each image.
        blobs: all blobs on disk.
        layers: mountable layers.
        garbage: what `image prune -a` would free now.
        ingests: transfers under way or interrupted.
    """

    images: Sequence[ImageUsage]
    blobs: Space
    layers: Space
    garbage: Garbage
    ingests: IngestSpace


def store_usage(store: Store, host: Platform) -> Usage:
    """Measure a store; what could be reclaimed is rehearsed, not estimated.

    Args:
        store: which.
        host: the platform that counts as this machine's.
    """
    images = list_images(store, host)
    rehearsal = Remover(store, host).remove_images(images, "system df", rehearse=True)
    with store.database.read() as tx:
        below = root_blobs(tx)
        known = uses(tx)
    holders = Counter(digest for blobs in below.values() for digest in blobs)
    return Usage(
        images=[_image(image, below.get(image.target, {}), holders, uses_of(image, known)) for image in images],
        blobs=blob_space(store),
        layers=layer_space(store),
        garbage=rehearsal.garbage,
        ingests=ingest_space(store),
    )


def _image(
    image: ImageSummary, blobs: Mapping[Digest, int], holders: Counter[Digest], used: Sequence[Use]
) -> ImageUsage:
    shared = sum(size for digest, size in blobs.items() if holders[digest] > 1)
    containers = sum(1 for use in used if use.container)
    return ImageUsage(image, shared, sum(blobs.values()) - shared, containers)
