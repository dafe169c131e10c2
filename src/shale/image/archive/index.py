"""index.json as we write it: entries for images that are added, and those that were there, kept as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from shale.image.archive.layout import CONTAINERD_NAME, REF_NAME
from shale.image.archive.members import InvalidArchive
from shale.image.graph import Graph
from shale.image.landing import Label
from shale.oci import mediatype
from shale.oci.document import read_document
from shale.oci.manifest import Manifest

__all__ = ["LAYOUT_CONTENT", "entries", "extend", "index_document", "read_index"]

LAYOUT_CONTENT: Final = b'{"imageLayoutVersion":"1.0.0"}'


def entries(graph: Graph, labels: Sequence[Label]) -> list[dict[str, Any]]:
    """The descriptors of one image: one for each of its names, or one without a name."""
    root = graph.root
    entry: dict[str, Any] = {
        "mediaType": root.media_type,
        "digest": str(root.digest),
        "size": len(root.raw),
    }
    parsed = graph.nodes[-1].parsed
    if isinstance(parsed, Manifest) and parsed.artifact_type:
        entry["artifactType"] = parsed.artifact_type
    return [{**entry, **_annotated(label)} for label in labels or (Label(),)]


def _annotated(label: Label) -> dict[str, Any]:
    annotations = {}
    if label.reference is not None:
        annotations[CONTAINERD_NAME] = str(label.reference)
    if label.text is not None:
        annotations[REF_NAME] = label.text
    return {"annotations": annotations} if annotations else {}


def index_document(manifests: Sequence[dict[str, Any]]) -> bytes:
    """A whole index.json."""
    document = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": list(manifests)}
    return msgspec.json.encode(document)


def read_index(raw: bytes) -> dict[str, Any]:
    """An index.json that is there already, with all that others wrote into it.

    Raises:
        InvalidDocument, InvalidArchive: it is none.
    """
    document: dict[str, Any] = read_document(raw, dict[str, Any], what="index.json")
    manifests = document.get("manifests") or []
    if not isinstance(manifests, list) or not all(isinstance(one, dict) for one in manifests):
        raise InvalidArchive("index.json is not valid: manifests must be a list of descriptors")
    return {**document, "manifests": manifests}


def extend(document: dict[str, Any], added: Sequence[dict[str, Any]]) -> bytes:
    """An index.json with further descriptors; a name moves from the entry that had it to the new one."""
    manifests: list[dict[str, Any]] = list(document["manifests"])
    for entry in added:
        manifests = [one for one in manifests if not _replaces(entry, one)]
        manifests.append(entry)
    return msgspec.json.encode({**document, "manifests": manifests})


def _replaces(new: dict[str, Any], old: dict[str, Any]) -> bool:
    if _name(new) is not None:
        return _name(new) == _name(old) or (_name(old) is None and new["digest"] == old.get("digest"))
    return bool(new["digest"] == old.get("digest")) and _name(old) is None


def _name(entry: dict[str, Any]) -> Any:
    annotations = entry.get("annotations")
    return annotations.get(REF_NAME) if isinstance(annotations, dict) else None
