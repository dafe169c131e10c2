"""Hostile and odd documents: the RF-6 row of the trials."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest

from shale.errors import Invalid
from shale.oci import mediatype
from shale.oci.config import ImageConfig, parse_config
from shale.oci.descriptor import Descriptor, InvalidDescriptor
from shale.oci.digest import DiffID, Digest
from shale.oci.document import MAX_CONFIG, MAX_MANIFEST, InvalidDocument, encode_document, read_document
from shale.oci.manifest import Index, Manifest, SchemaOne, parse_manifest

HEX = "ab" * 32


def descriptor(**fields: Any) -> dict[str, Any]:
    return {"mediaType": mediatype.OCI_LAYER_GZIP, "digest": f"sha256:{HEX}", "size": 3, **fields}


def manifest(**fields: Any) -> dict[str, Any]:
    config = descriptor(mediaType=mediatype.OCI_CONFIG)
    return {"schemaVersion": 2, "config": config, "layers": [descriptor()], **fields}


def index(**fields: Any) -> dict[str, Any]:
    child = descriptor(mediaType=mediatype.OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"})
    return {"schemaVersion": 2, "manifests": [child], **fields}


def raw(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_the_documents_that_the_others_are_made_from_are_good() -> None:
    image = parse_manifest(raw(manifest()))
    assert isinstance(image, Manifest)
    assert image.media_type == mediatype.OCI_MANIFEST
    assert image.is_image
    several = parse_manifest(raw(index()))
    assert isinstance(several, Index)
    assert several.media_type == mediatype.OCI_INDEX


DEEP = b"[" * 100_000 + b"]" * 100_000
GOOD = raw(manifest())


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        GOOD[:-1],
        GOOD + b"x",
        GOOD + GOOD,
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.replace(b'"size": 3', b'"size": NaN'),
        GOOD.replace(b'"size": 3', b'"size": Infinity'),
        GOOD.replace(b'"size": 3', b'"size": 3.5'),
        GOOD.replace(b'"size": 3', b'"size": 1e2'),
        GOOD.replace(b'"size": 3', b'"size": -1'),
        GOOD.replace(b'"size": 3', b'"size": true'),
        GOOD.replace(b'"size": 3', b'"size": null'),
        GOOD.replace(b'"size": 3', b'"size": 9223372036854775808'),
        GOOD.replace(b'"size": 3', b'"size": ' + b"9" * 5000),
        GOOD[:-1] + b', "extra": NaN}',
        GOOD[:-1] + b', "extra": ' + DEEP + b"}",
        GOOD[:-1] + b', "annotations": ' + DEEP + b"}",
        GOOD.replace(b'"schemaVersion": 2', b'"schemaVersion": "2"'),
        GOOD.replace(b'"schemaVersion": 2', b'"schemaVersion": 3'),
        GOOD.replace(b'"schemaVersion": 2', b'"schemaversion": 2'),
        DEEP,
        b"{" * 1000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda document: repr(document[:30]),
)
def test_not_a_document(document: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_manifest(document)


@pytest.mark.parametrize(
    "text",
    [
        "sha256:../../x",
        "sha256:../../" + "a" * 58,
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"sha256:{HEX}\n",
        f" sha256:{HEX}",
        f"sha256:{HEX}0",
        f"sha256:{HEX[1:]}",
        f"md5:{HEX[:32]}",
        f"sha256:{'٣' * 64}",
        HEX,
        "",
    ],
)
def test_digests_that_are_none(text: str) -> None:
    for fields in ({"config": descriptor(digest=text)}, {"layers": [descriptor(digest=text)]}):
        with pytest.raises(InvalidDocument, match="invalid digest"):
            parse_manifest(raw(manifest(**fields)))
    with pytest.raises(InvalidDocument, match="diff_ids"):
        parse_config(raw({"rootfs": {"type": "layers", "diff_ids": [text]}}))


@pytest.mark.parametrize("digest", [5, None, ["sha256"], {"algorithm": "sha256", "encoded": HEX}])
def test_digests_of_other_types(digest: Any) -> None:
    with pytest.raises(InvalidDocument, match="digest"):
        parse_manifest(raw(manifest(config=descriptor(digest=digest))))


def test_two_kinds_at_once() -> None:
    for document in (
        manifest(manifests=[]),
        manifest(manifests=None),
        index(layers=[]),
        index(config=descriptor()),
        index(fsLayers=[]),
        manifest(mediaType=mediatype.OCI_INDEX),
        manifest(mediaType=mediatype.DOCKER_MANIFEST_LIST),
        index(mediaType=mediatype.OCI_MANIFEST),
        {"schemaVersion": 2, "mediaType": mediatype.OCI_MANIFEST},
        {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX},
        {"schemaVersion": 2},
    ):
        with pytest.raises(InvalidDocument):
            parse_manifest(raw(document))


def test_declared_as_another_kind() -> None:
    for document, declared in (
        (manifest(), mediatype.OCI_INDEX),
        (index(), mediatype.OCI_MANIFEST),
        (manifest(mediaType=mediatype.OCI_MANIFEST), mediatype.DOCKER_MANIFEST),
        (index(mediaType=mediatype.DOCKER_MANIFEST_LIST), mediatype.OCI_INDEX),
    ):
        with pytest.raises(InvalidDocument):
            parse_manifest(raw(document), declared)
    found = parse_manifest(raw(manifest()), mediatype.DOCKER_MANIFEST)
    assert found.media_type == mediatype.DOCKER_MANIFEST


def test_schema_one() -> None:
    old = {"schemaVersion": 1, "name": "a", "fsLayers": [], "history": []}
    with pytest.raises(SchemaOne):
        parse_manifest(raw(old))
    with pytest.raises(SchemaOne):
        parse_manifest(raw(manifest()), "application/vnd.docker.distribution.manifest.v1+prettyjws")


def test_unknown_kinds_are_named_harmlessly() -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_manifest(raw(manifest(mediaType="bananas\x1b[2J")))
    assert "\x1b" not in caught.value.message
    with pytest.raises(InvalidDocument):
        parse_manifest(raw(manifest(mediaType="application/vnd.oci.artifact.manifest.v1+json")))


def test_media_types_fit_in_a_header() -> None:
    for bad in ("", "layer", "a/b\r\nX: y", "a/b\n", "a /b", "a/b; c=d", "é/b", f"{'a' * 128}/b"):
        with pytest.raises(InvalidDocument):
            parse_manifest(raw(manifest(layers=[descriptor(mediaType=bad)])))


def test_size_limits() -> None:
    with pytest.raises(InvalidDocument, match="more than"):
        parse_manifest(GOOD + b" " * (MAX_MANIFEST + 1 - len(GOOD)))
    parse_manifest(GOOD + b" " * (MAX_MANIFEST - len(GOOD)))
    with pytest.raises(InvalidDocument, match="more than"):
        parse_config(b" " * (MAX_CONFIG + 1))


def test_a_crowded_index() -> None:
    """As many entries as 4 MiB hold: empty ones are refused, whole ones are read."""
    with pytest.raises(InvalidDocument):
        parse_manifest(b'{"schemaVersion":2,"manifests":[' + b"{}," * 1_000_000 + b"{}]}")
    child = raw({"mediaType": "a/b", "digest": f"sha256:{HEX}", "size": 1}) + b","
    count = (MAX_MANIFEST - 100) // len(child)
    many = parse_manifest(b'{"schemaVersion":2,"manifests":[' + child * count + child[:-1] + b"]}")
    assert len(many.children) == count + 1


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    """As for Go's readers, so that both sides mean the same; and a key in other letters is unknown."""
    other = raw(descriptor(digest=f"sha256:{'cd' * 32}"))
    twice = parse_manifest(GOOD[:-1] + b', "layers": [' + other + b"]}")
    assert [child.digest.encoded for child in twice.children[1:]] == ["cd" * 32]
    cased = parse_manifest(GOOD[:-1] + b', "LAYERS": [' + other + b"]}")
    assert [child.digest.encoded for child in cased.children[1:]] == [HEX]
    with pytest.raises(InvalidDocument):
        parse_manifest(GOOD[:-1] + b', "mediaType": "' + mediatype.OCI_INDEX.encode() + b'"}')


CONTENT = b"https://github.com/opencontainers\n"


def embedded(content: bytes, **fields: Any) -> dict[str, Any]:
    return {
        "mediaType": "text/plain",
        "size": len(content),
        "digest": str(Digest.of(content)),
        "data": base64.b64encode(content).decode(),
        **fields,
    }


def test_embedded_data() -> None:
    for content in (CONTENT, b"{}", b""):
        found = read_document(raw(embedded(content)), Descriptor, what="descriptor")
        assert found.digest == Digest.of(content)
    hashed = "sha512:" + hashlib.sha512(CONTENT).hexdigest()
    read_document(raw(embedded(CONTENT, digest=hashed)), Descriptor, what="descriptor")


@pytest.mark.parametrize(
    "fields",
    [
        {"size": len(CONTENT) + 1},
        {"digest": f"sha256:{HEX}"},
        {"data": ""},
        {"data": base64.b64encode(CONTENT + b"x").decode()},
        {"data": base64.b64encode(CONTENT).decode().rstrip("=")},
        {"data": base64.b64encode(CONTENT).decode() + "\n"},
        {"data": "not base64!"},
        {"data": "é"},
        {"data": 5},
    ],
)
def test_embedded_data_that_are_not_what_they_say(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument, match=r"data|descriptor"):
        read_document(raw(embedded(CONTENT, **fields)), Descriptor, what="descriptor")
    with pytest.raises(InvalidDocument):
        parse_manifest(raw(manifest(config=embedded(CONTENT, **fields))))


def test_a_descriptor_with_other_data_cannot_be_made() -> None:
    with pytest.raises(InvalidDescriptor) as caught:
        Descriptor(media_type="text/plain", digest=Digest.of(b"a"), size=1, data="Yg==")
    assert isinstance(caught.value, Invalid)


def test_null_where_docker_and_go_write_it() -> None:
    empty = parse_manifest(raw(manifest(layers=None, annotations=None, subject=None, artifactType=None)))
    assert isinstance(empty, Manifest)
    assert empty.layers == ()
    assert empty.children == (empty.config,)
    several = parse_manifest(raw(index(manifests=None)))
    assert several.children == ()
    layer = descriptor(urls=None, annotations=None, data=None, platform=None, artifactType=None)
    parse_manifest(raw(manifest(layers=[layer])))


def test_null_in_a_config() -> None:
    names = ("User", "Env", "Cmd", "Entrypoint", "Volumes", "ExposedPorts", "Labels", "WorkingDir", "OnBuild")
    more = ("StopSignal", "ArgsEscaped", "Healthcheck", "Shell", "Hostname")
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": None,
        "author": None,
        "variant": None,
        "os.version": None,
        "os.features": None,
        "history": None,
        "config": dict.fromkeys(names + more),
        "rootfs": {"type": "layers", "diff_ids": None},
        "container_config": None,
    }
    found = parse_config(raw(document))
    assert found.rootfs.diff_ids == ()
    assert found.history is None
    assert found.config is not None
    assert found.config.env is None
    assert parse_config(raw({**document, "config": None})).config is None


def test_configs_that_are_none() -> None:
    for document in (b"", b"5", b"{", b'{"rootfs": 5}', b'{"config": {"Labels": [1]}}', b'{"os": NaN}', DEEP):
        with pytest.raises(InvalidDocument):
            parse_config(document)


def test_what_we_write_we_read() -> None:
    config = ImageConfig(os="linux", architecture="arm64", variant="v8")
    assert parse_config(encode_document(config)) == config
    image = Manifest(
        schema_version=2,
        media_type=mediatype.OCI_MANIFEST,
        config=Descriptor(media_type=mediatype.OCI_CONFIG, digest=Digest.of(b"{}"), size=2, data="e30="),
        layers=(),
    )
    assert parse_manifest(encode_document(image)) == image
    assert b'"layers":[]' in encode_document(image)


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_document({"a": object()})


def test_kinds_of_hash_are_not_mixed_up() -> None:
    text = f"sha256:{HEX}"
    assert Digest.parse(text) != DiffID.parse(text)
    assert len({Digest.parse(text), DiffID.parse(text), Digest.parse(text)}) == 2
    with pytest.raises(AttributeError):
        setattr(Digest.parse(text), "encoded", "x")  # noqa: B010 - a plain assignment would not be typed


def test_messages_name_the_place() -> None:
    with pytest.raises(InvalidDocument, match=r"\$\.layers\[0\]"):
        parse_manifest(raw(manifest(layers=[descriptor(size=-1)])))
    assert msgspec.json.decode(GOOD) == manifest()
