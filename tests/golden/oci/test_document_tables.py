"""Other projects' documents: image-spec's schemas, examples of the field, moby's detection of kinds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shale.errors import Invalid
from shale.oci import mediatype
from shale.oci.config import parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import ChainID, DiffID, Digest, ImageID, InvalidDigest, chain_ids
from shale.oci.document import InvalidDocument, read_document
from shale.oci.manifest import Index, Manifest, SchemaOne, detect_media_type, parse_manifest
from shared_vectors import VECTORS


def tables(file: str, func: str | None) -> list[Any]:
    found = [one for one in json.loads((VECTORS / file).read_text())["tables"] if one["func"] == func]
    assert found
    return found


def table(file: str, func: str) -> Any:
    return tables(file, func)[0]["cases"]


def read_descriptor(raw: bytes) -> Descriptor:
    return read_document(raw, Descriptor, what="descriptor")


OTHER_ALGORITHM = "image-spec leaves open which digests are read: shale reads those that it can verify"
DIFFERENT = {
    ("index", 3): "a platform without an architecture matches nothing, and the other entries stay of use",
    ("manifest", 5): "an image FROM scratch with no instruction has no layers; the text says SHOULD",
    ("manifest", 6): OTHER_ALGORITHM,
    ("config", 9): "variables without '=' are found in images that run; who runs them judges",
    ("descriptor", 17): "urls are never followed unless someone asks, and are judged then",
    **{("descriptor", place): OTHER_ALGORITHM for place in (21, 22, 23, 24, 25, 27, 28)},
}
READERS: dict[str, tuple[str, str, str, Callable[[bytes], object]]] = {
    "config": ("schema_config.json", "TestConfig", "config", parse_config),
    "descriptor": ("schema_descriptor.json", "TestDescriptor", "descriptor", read_descriptor),
    "index": ("schema_index.json", "TestImageIndex", "imageIndex", parse_manifest),
    "manifest": ("schema_manifest.json", "TestManifest", "manifest", parse_manifest),
}
SCHEMA = [
    (kind, place)
    for kind, (file, func, _, _) in READERS.items()
    for place in range(len(table(f"image-spec/{file}", func)))
]


@pytest.mark.parametrize(("kind", "place"), SCHEMA)
def test_schema(kind: str, place: int) -> None:
    file, func, field, read = READERS[kind]
    case = table(f"image-spec/{file}", func)[place]
    fails = case.get("fail", False) != ((kind, place) in DIFFERENT)
    raw = case[field].encode()
    if not fails:
        read(raw)
        return
    with pytest.raises(InvalidDocument):
        read(raw)


@pytest.mark.parametrize(
    ("func", "field", "read"),
    [
        ("TestBackwardsCompatibilityImageIndex", "imageIndex", parse_manifest),
        ("TestBackwardsCompatibilityManifest", "manifest", parse_manifest),
        ("TestBackwardsCompatibilityConfig", "config", parse_config),
    ],
)
def test_what_docker_wrote(func: str, field: str, read: Callable[[bytes], object]) -> None:
    for case in table("image-spec/schema_backcompat.json", func):
        raw = case[field].encode()
        assert str(Digest.of(raw)) == case["digest"]
        read(raw)


def test_docker_media_types_are_known() -> None:
    for docker in json.loads((VECTORS / "image-spec/schema_backcompat.json").read_text())["tables"][0]["cases"]:
        known = (mediatype.is_index, mediatype.is_manifest, mediatype.is_layer, mediatype.is_config)
        assert sum(is_one(docker) for is_one in known) == 1


EXAMPLES = sorted((VECTORS / "image-spec/examples").iterdir())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_of_the_specification(path: Path) -> None:
    example = json.loads(path.read_text())
    raw, kind = example["text"].encode(), example["mediatype"]
    if kind == mediatype.OCI_INDEX:
        assert isinstance(parse_manifest(raw), Index)
    elif kind == mediatype.OCI_MANIFEST:
        assert isinstance(parse_manifest(raw), Manifest)
    elif kind == mediatype.OCI_CONFIG:
        config = parse_config(raw)
        assert config.rootfs.diff_ids
        assert config.platform.os == "linux"
    elif kind == "application/vnd.oci.descriptor.v1+json":
        assert str(read_descriptor(raw).digest).startswith("sha256:")
    else:
        assert kind == "application/vnd.oci.layout.header.v1+json"  # read where layouts are, not in this floor
        assert read_document(raw, dict[str, str], what="layout") == {"imageLayoutVersion": "1.0.0"}


def hashed(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize("case", table("image-spec/chainid.json", "TestChainID"), ids=lambda one: one["Name"])
def test_chain_ids(case: dict[str, Any]) -> None:
    """The table's `sha256:a` are no digests, so real ones stand for them, and the sums are made anew."""
    diff_ids = [DiffID.of(text.encode()) for text in case.get("Digests", ())]
    expected: list[str] = []
    for diff_id in diff_ids:
        expected.append(hashed(f"{expected[-1]} {diff_id}") if expected else str(diff_id))
    found = chain_ids(diff_ids)
    assert [str(one) for one in found] == expected
    assert len(found) == len(case.get("Expected", ()))
    assert all(type(one) is ChainID for one in found)


@pytest.mark.parametrize(
    "case", table("docker-misc/go_digest.json", "TestParseDigest"), ids=lambda one: one["Input"]
)
def test_digests(case: dict[str, Any]) -> None:
    if "Err" in case or case["Algorithm"] == "sha384":  # sha384 is not registered with image-spec
        with pytest.raises(InvalidDigest):
            Digest.parse(case["Input"])
        return
    found = Digest.parse(case["Input"])
    assert (found.algorithm, found.encoded, str(found)) == (case["Algorithm"], case["Encoded"], case["Input"])


@pytest.mark.parametrize(
    "case", table("moby-engine-28/stringid.json", "TestTruncateID"), ids=lambda one: one["doc"]
)
def test_short_ids(case: dict[str, Any]) -> None:
    text = case["id"] if ":" in case["id"] else f"sha256:{case['id']}"
    if case["doc"] in ("empty ID", "invalid ID", "very long ID"):  # shale shortens ids only, and these are none
        with pytest.raises(InvalidDigest):
            ImageID.parse(text)
        return
    assert ImageID.parse(text).short == case["expected"]


FIXTURES = [VECTORS / "c-image" / name for name in ("manifest-fixtures", "internal-manifest-testdata")]


@pytest.mark.parametrize(
    "case", table("c-image/manifest_detect.json", "TestGuessMIMEType"), ids=lambda one: one["path"]
)
@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.name)
def test_detection(folder: Path, case: dict[str, Any]) -> None:
    raw = (folder / case["path"]).read_bytes()
    if mediatype.is_schema1(case["mimeType"]):
        with pytest.raises(SchemaOne):
            detect_media_type(raw)
    elif not case["mimeType"]:
        with pytest.raises(InvalidDocument):
            detect_media_type(raw)
    else:
        assert detect_media_type(raw) == case["mimeType"]


def test_multiple_images() -> None:
    for case in table("c-image/manifest_detect.json", "TestMIMETypeIsMultiImage"):
        assert mediatype.is_index(case["mt"]) == case["expected"]


def test_what_servers_declare() -> None:
    """containers/image takes an unknown Content-Type for schema 1; shale looks at the document instead."""
    raw = (FIXTURES[0] / "ociv1.manifest.json").read_bytes()
    known, unknown = (one["cases"] for one in tables("c-image/manifest_detect.json", "TestNormalizedMIMEType"))
    for declared in unknown:
        assert detect_media_type(raw, declared) == mediatype.OCI_MANIFEST
    for declared in set(known) - {mediatype.OCI_MANIFEST}:
        with pytest.raises((InvalidDocument, SchemaOne)):
            detect_media_type(raw, declared)
    assert detect_media_type(raw, mediatype.OCI_MANIFEST + "; charset=utf-8") == mediatype.OCI_MANIFEST


ALL_FIXTURES = sorted(path for folder in FIXTURES for path in folder.iterdir())
REFUSED = {
    "non-json.manifest.json": InvalidDocument,
    "unknown-version.manifest.json": InvalidDocument,
    "ociv1.artifact.json": InvalidDocument,  # the config's digest is empty
    "ociv1nomime.artifact.json": InvalidDocument,  # the config's digest is empty
    "ociv1.everything.json": InvalidDocument,  # the embedded data do not have the digests beside them
    "oci1.index.everything.json": InvalidDocument,  # the same
    "schema2-to-schema1-by-docker.json": SchemaOne,
    "v2s1-invalid-signatures.manifest.json": SchemaOne,
    "v2s1-unsigned.manifest.json": SchemaOne,
    "v2s1.everything.json": SchemaOne,
    "v2s1.manifest.json": SchemaOne,
}


@pytest.mark.parametrize("path", ALL_FIXTURES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_manifests_of_the_field(path: Path) -> None:
    raw = path.read_bytes()
    if path.name in REFUSED:
        with pytest.raises(REFUSED[path.name]):
            parse_manifest(raw)
        return
    found = parse_manifest(raw)
    document = json.loads(raw)
    listed = document["manifests"] if isinstance(found, Index) else [document["config"], *document["layers"]]
    assert [str(child.digest) for child in found.children] == [one["digest"] for one in listed]
    assert [child.size for child in found.children] == [one["size"] for one in listed]
    assert [child.annotations for child in found.children] == [one.get("annotations") for one in listed]
    assert found.annotations == document.get("annotations")


# moby's function looks at few fields; shale's has to know the type, and schemaVersion 2.
MOBY_DETECTS = {
    "oci manifest": mediatype.OCI_MANIFEST,
    "mediaType is set": "bananas is no manifest",
    "mediaType and config set": "bananas is no manifest",
    "mediaType and fsLayers set": "schema 1 has fsLayers",
    "oci index fallback": "a document without fields is nothing",
}


@pytest.mark.parametrize(
    "name", table("moby-engine-28/manifest_mediatype.json", "TestDetectManifestBlobMediaType")
)
def test_moby_detection(name: str) -> None:
    case = table("moby-engine-28/manifest_mediatype.json", "TestDetectManifestBlobMediaType")[name]
    raw = json.dumps({"schemaVersion": 2, **json.loads(case["json"])}).encode()
    if MOBY_DETECTS[name] == case["expected"]:
        assert detect_media_type(raw) == case["expected"]
        return
    with pytest.raises(InvalidDocument):
        detect_media_type(raw)


INVALID = "TestDetectManifestBlobMediaTypeInvalid"


@pytest.mark.parametrize("name", table("moby-engine-28/manifest_mediatype.json", INVALID))
def test_moby_refuses(name: str) -> None:
    """CVE-2021-41190: a document that is two kinds at once is refused."""
    case = table("moby-engine-28/manifest_mediatype.json", INVALID)[name]
    raw = json.dumps({"schemaVersion": 2, **json.loads(case["json"])}).encode()
    with pytest.raises(Invalid):
        detect_media_type(raw)
