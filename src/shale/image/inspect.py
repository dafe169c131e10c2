"""Everything about one image, in the shape that `docker image inspect` prints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shale.image.history import image_config
from shale.image.listing import ImageSummary, PlatformSummary
from shale.oci.document import MAX_CONFIG, MAX_MANIFEST, InvalidDocument
from shale.store.store import Store

__all__ = ["inspect_artifact", "inspect_image"]


def inspect_image(store: Store, image: ImageSummary, platform: PlatformSummary) -> dict[str, Any]:
    """The whole of an image as JSON values, in docker's order of fields.

    Args:
        store: where it is.
        image: which.
        platform: which of its platforms.
    """
    config = image_config(store, platform)
    # Config is shown as the document has it: builders add fields that no specification knows.
    document = _values(store.blobs.read(platform.config, MAX_CONFIG), f"image config {platform.id}")
    manifest = store.content.manifest(platform.manifest)
    history = config.history or ()
    shown: dict[str, Any] = {
        "Id": str(platform.id),
        "RepoTags": [name.familiar for name in image.names],
        "RepoDigests": _digests(image),
        "Parent": "",
        "Comment": (history[-1].comment or "") if history else "",
        "Created": config.created,
        "DockerVersion": config.docker_version or "",
        "Author": config.author or "",
        "Config": document.get("config") or {},
        "Architecture": config.architecture,
    }
    if config.variant:
        shown["Variant"] = config.variant
    shown["Os"] = config.os
    if config.os_version:
        shown["OsVersion"] = config.os_version
    shown["Size"] = platform.size
    shown["RootFS"] = {
        "Type": config.rootfs.type,
        "Layers": [str(diff_id) for diff_id in config.rootfs.diff_ids],
    }
    shown["Metadata"] = {"LastTagTime": _time(image.added)}
    shown["Descriptor"] = {
        "mediaType": manifest.media_type,
        "digest": str(platform.manifest),
        "size": store.blobs.size(platform.manifest),
    }
    return shown


def inspect_artifact(store: Store, image: ImageSummary) -> dict[str, Any]:
    """What is kept of an artifact (or of an index without images): its names and its manifest."""
    raw = store.blobs.read(image.target, MAX_MANIFEST)
    return {
        "Id": str(image.id),
        "RepoTags": [name.familiar for name in image.names],
        "RepoDigests": _digests(image),
        "Metadata": {"LastTagTime": _time(image.added)},
        "Descriptor": {
            "mediaType": store.content.manifest(image.target).media_type,
            "digest": str(image.target),
            "size": len(raw),
        },
        "Manifest": _values(raw, f"manifest {image.target}"),
    }


def _values(raw: bytes, what: str) -> Any:
    """The values of a document that was valid when it came.

    Raises:
        InvalidDocument: valid, but no value of Python: a number of thousands of digits, say.
    """
    import json  # noqa: PLC0415 - the library's other verbs show nothing

    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidDocument(
            f"{what} cannot be shown: it has a number of thousands of digits, or is nested too deeply"
        ) from None


def _digests(image: ImageSummary) -> list[str]:
    repositories = dict.fromkeys(name.familiar_name for name in (*image.digests,))
    return [f"{repository}@{image.target}" for repository in repositories]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
