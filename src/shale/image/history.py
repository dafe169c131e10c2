"""How an image came to be: its steps, each with the bytes that it added."""

from __future__ import annotations

import msgspec

from shale.image.listing import PlatformSummary
from shale.oci.config import ImageConfig, parse_config
from shale.oci.digest import DiffID, Digest, ImageID
from shale.oci.document import MAX_CONFIG
from shale.oci.manifest import Manifest
from shale.store.store import Store

__all__ = ["HistoryEntry", "Layer", "artifact_layers", "image_config", "image_history", "image_layers"]


class Layer(msgspec.Struct, frozen=True):
    """One layer of an image.

    Attributes:
        digest: of its compressed bytes, as text `sha256:...`.
        diff_id: of its tar; None for a blob of an artifact.
        size: compressed bytes.
        content_size: bytes of its files.
        created_by: the step that made it.
        media_type: of its blob.
    """

    digest: str
    diff_id: DiffID | None
    size: int
    content_size: int
    created_by: str
    media_type: str


class HistoryEntry(msgspec.Struct, frozen=True):
    """One step of an image's history.

    Attributes:
        image: the image's id at its last step; None at the steps before, which docker calls `<missing>`.
        created: RFC 3339, or None.
        created_by: the command.
        size: bytes of the files that the step added.
        comment: whatever the builder noted.
        tags: familiar names, at the last step.
    """

    image: ImageID | None
    created: str | None
    created_by: str
    size: int
    comment: str
    tags: tuple[str, ...] = ()


def image_config(store: Store, platform: PlatformSummary) -> ImageConfig:
    """The config of one platform of an image, verified."""
    raw = store.blobs.read(platform.config, MAX_CONFIG)
    return parse_config(raw, what=f"image config {platform.id}")


def image_layers(store: Store, platform: PlatformSummary) -> tuple[Layer, ...]:
    """The layers of one platform of an image, base first."""
    manifest = store.content.manifest(platform.manifest)
    assert isinstance(manifest, Manifest)
    config = image_config(store, platform)
    records = store.content.layers(manifest.layers)
    steps = [step.created_by or "" for step in config.history or () if not step.empty_layer]
    steps += [""] * (len(manifest.layers) - len(steps))
    return tuple(
        Layer(
            digest=str(layer.digest),
            diff_id=diff_id,
            size=layer.size,
            content_size=records[layer.digest].content_size if layer.digest in records else 0,
            created_by=step,
            media_type=layer.media_type,
        )
        for layer, diff_id, step in zip(manifest.layers, config.rootfs.diff_ids, steps, strict=False)
    )


def artifact_layers(store: Store, target: Digest) -> tuple[Layer, ...]:
    """The blobs of an artifact, in the order of its manifest; none for an index."""
    document = store.content.manifest(target)
    layers = document.layers if isinstance(document, Manifest) else ()
    return tuple(
        Layer(str(layer.digest), None, layer.size, layer.size, "", layer.media_type) for layer in layers
    )


def image_history(store: Store, platform: PlatformSummary, tags: tuple[str, ...]) -> list[HistoryEntry]:
    """The steps of an image, the last one first.

    A config whose history does not account for all layers (it is optional, config.md "history") gets an
    entry without a command for each of the rest.
    """
    config = image_config(store, platform)
    sizes = [layer.content_size for layer in image_layers(store, platform)]
    entries = []
    for step in config.history or ():
        size = sizes.pop(0) if not step.empty_layer and sizes else 0
        entries.append(HistoryEntry(None, step.created, step.created_by or "", size, step.comment or ""))
    entries += [HistoryEntry(None, config.created, "", size, "") for size in sizes]
    entries.reverse()
    if entries:
        last = entries[0]
        entries[0] = HistoryEntry(platform.id, last.created, last.created_by, last.size, last.comment, tags)
    return entries
