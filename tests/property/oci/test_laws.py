"""Laws of the values: what is formatted is parsed back, and reading never changes what was read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shale.errors import Invalid
from shale.oci.config import parse_config
from shale.oci.digest import ChainID, ContentHash, DiffID, Digest, ImageID, chain_ids
from shale.oci.document import encode_document
from shale.oci.manifest import Manifest, SchemaOne, detect_media_type, parse_manifest
from shale.oci.mediatype import DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST
from shale.oci.pattern import compile_pattern
from shale.oci.platform import (
    Platform,
    best_match,
    format_full,
    format_platform,
    host_platform,
    matches,
    normalise,
    parse_platform,
    ranked,
)
from shale.oci.reference import InvalidReference, Reference, parse_any

HOST = Platform(os="linux", architecture="amd64")

HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
DIGESTS = st.one_of(
    HEX.map(lambda text: Digest("sha256", text)),
    st.binary(min_size=64, max_size=64).map(lambda raw: Digest("sha512", raw.hex())),
)
WORD = st.text("ab09", min_size=1, max_size=4)
COMPONENTS = WORD | st.tuples(WORD, st.sampled_from([".", "_", "__", "-", "---"]), WORD).map("".join)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
REGISTRIES = st.one_of(
    st.sampled_from(
        ["docker.io", "localhost", "[::1]", "[fc00::1]:5000", "LOCAL", "index.docker.io", "a-B.c:1"]
    ),
    st.tuples(WORD, st.sampled_from([".", "-x.", ".Y."]), WORD).map("".join),
    st.tuples(WORD, st.integers(0, 99999).map(str)).map(":".join),
)
TAGS = st.builds("".join, st.tuples(st.sampled_from("aZ0_"), st.text("aZ0_.-", max_size=5))) | st.just(
    "t" * 128
)


def names_no_host(path: str) -> bool:
    """Whether a path stands alone: one like `a.b/c` would begin with a registry."""
    return "/" not in path or "." not in path.partition("/")[0]


NAMES = st.one_of(
    PATHS.filter(names_no_host),
    st.tuples(REGISTRIES, PATHS).map("/".join),
    HEX.map(lambda text: f"docker.io/{text}"),
)
TEXTS = st.tuples(
    NAMES, TAGS.map(lambda tag: f":{tag}") | st.just(""), DIGESTS.map(lambda digest: f"@{digest}") | st.just("")
).map("".join)


@given(TEXTS)
def test_references_survive_their_text(text: str) -> None:
    found = Reference.parse(text)
    assert Reference.parse(str(found)) == found
    assert Reference.parse(found.familiar) == found
    assert len(found.familiar) <= len(str(found))
    assert max(found, found.with_tag("zz")).tag is not None


@given(st.text() | st.text("ab:/@.-_[]0A"))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        found = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(str(found)) == found
    assert not {"..", "", "."} & set(found.repository.split("/"))
    assert found.name.isprintable()
    assert found.name.isascii()


@given(TEXTS, TAGS, DIGESTS)
def test_parts_are_put_on_and_taken_off(text: str, tag: str, digest: Digest) -> None:
    found = Reference.parse(text)
    assert found.with_tag(tag).with_digest(digest) == found.with_digest(digest)
    assert found.with_digest(digest).with_tag(tag) == found.with_tag(tag)
    assert Reference.parse(str(found.with_tag(tag))).tag == tag
    default = found.with_default_tag()
    assert default.with_default_tag() == default
    assert default.tag is not None or default.digest is not None


@given(TEXTS)
def test_a_name_matches_itself(text: str) -> None:
    found = Reference.parse(text)
    whole = found.familiar.replace("[", "\\[")
    assert found.matches(whole)
    assert found.matches("*/" * whole.count("/") + "*")
    assert not found.matches(whole + "/*")


def spelled_out(pattern: str, text: str) -> bool:
    """The meaning of `*` and `?`, written down without any care for time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return spelled_out(pattern[1:], text) or (text[:1] not in ("", "/") and spelled_out(pattern, text[1:]))
    return bool(text) and (text[0] == pattern[0] or (pattern[0] == "?" and text[0] != "/")) and spelled_out(
        pattern[1:], text[1:]
    )  # fmt: skip


@given(st.text("ab/*?", max_size=8), st.text("ab/", max_size=8))
def test_patterns_mean_what_is_spelled_out(pattern: str, text: str) -> None:
    assert (compile_pattern(pattern).fullmatch(text) is not None) == spelled_out(pattern, text)


@given(st.text("ab/*?[]^-\\", max_size=12), st.text("ab/]^-\\", max_size=6))
def test_any_pattern_compiles_or_is_refused(pattern: str, text: str) -> None:
    try:
        compile_pattern(pattern).fullmatch(text)
    except Invalid:
        assert "[" in pattern or "\\" in pattern


@given(DIGESTS, st.sampled_from([Digest, DiffID, ChainID, ImageID]))
def test_digests_survive_their_text(digest: Digest, kind: type[ContentHash]) -> None:
    found = kind.parse(str(digest))
    assert str(found) == str(digest)
    assert kind.parse(str(found)) == found
    assert (found == digest) == (kind is Digest)
    assert parse_any(str(digest)) == digest


@given(st.text() | st.text("sha256:0af/.", max_size=80))
def test_any_text_is_a_digest_or_refused(text: str) -> None:
    try:
        found = Digest.parse(text)
    except Invalid:
        return
    assert str(found) == text


@given(st.lists(st.binary(max_size=4).map(DiffID.of), max_size=6))
def test_chains_grow_at_the_top(diff_ids: list[DiffID]) -> None:
    chain = chain_ids(diff_ids)
    assert len(chain) == len(diff_ids)
    for height in range(len(diff_ids)):
        assert chain_ids(diff_ids[:height]) == chain[:height]


WORDS = st.text("abXY019_.-", min_size=1, max_size=6)
OPTIONS = st.text("ab1.+%()/", min_size=1, max_size=6)
PLATFORMS = st.builds(
    Platform,
    os=st.sampled_from(["linux", "windows", "darwin", "plan9"]),
    architecture=st.sampled_from(["amd64", "arm64", "arm", "386", "s390x", "riscv64"]) | WORDS,
    variant=st.none() | st.sampled_from(["v1", "v2", "v5", "v6", "v7", "v8", "v8.2", "v9", "v9.3"]) | WORDS,
    os_version=st.none() | OPTIONS,
    os_features=st.none() | st.sets(OPTIONS, min_size=1, max_size=3).map(lambda some: tuple(sorted(some))),
)


@given(PLATFORMS)
def test_platforms_survive_their_text(platform: Platform) -> None:
    normal = normalise(platform)
    assert normalise(normal) == normal
    assert normalise(parse_platform(format_full(platform), HOST)) == normal
    assert normalise(parse_platform(format_full(normal), HOST)) == normal
    bare = Platform(os=platform.os, architecture=platform.architecture, variant=platform.variant)
    assert normalise(parse_platform(format_platform(platform), HOST)) == normalise(bare)


@given(PLATFORMS)
def test_a_platform_runs_itself_first(platform: Platform) -> None:
    steps = ranked(platform)
    assert steps[0] == normalise(platform)
    assert len(set(steps)) == len(steps)
    assert all(normalise(step) == step for step in steps)
    assert matches(platform, platform)
    assert best_match(platform, [(step, place) for place, step in reversed(list(enumerate(steps)))]) == 0


@given(PLATFORMS, st.lists(PLATFORMS, max_size=6))
def test_the_strict_choice_is_never_worse(wanted: Platform, offered: list[Platform]) -> None:
    pairs = [(platform, platform) for platform in offered]
    strict, loose = best_match(wanted, pairs, strict=True), best_match(wanted, pairs)
    assert strict is None or loose == strict
    if loose is not None:
        assert any(matches(step, loose) for step in ranked(wanted))


@given(st.text())
def test_any_text_is_a_platform_or_refused(text: str) -> None:
    try:
        found = parse_platform(text, HOST)
    except Invalid:
        return
    assert found.os
    assert found.architecture


@given(WORDS, WORDS)
def test_any_machine_has_a_platform(machine: str, system: str) -> None:
    found = host_platform(machine, system)
    assert normalise(found) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
UNKNOWN = st.dictionaries(st.text(min_size=1).map(lambda key: f"x-{key}"), JSON, max_size=4)


def encode(document: Any, spaces: int | None) -> bytes:
    return json.dumps(document, indent=spaces, ensure_ascii=False).encode("utf-8", "replace")


@given(UNKNOWN, UNKNOWN, UNKNOWN, st.none() | st.integers(0, 3), st.sampled_from([None, OCI_MANIFEST]))
def test_unknown_fields_change_nothing(
    top: dict[str, Any], below: dict[str, Any], beside: dict[str, Any], spaces: int | None, declared: str | None
) -> None:
    """What shale does not know it neither minds nor loses: the bytes are the document, the value a view."""
    config = {"mediaType": OCI_CONFIG, "digest": str(Digest.of(b"c")), "size": 1}
    layer = {"mediaType": OCI_LAYER_GZIP, "digest": str(Digest.of(b"l")), "size": 1}
    plain = {"schemaVersion": 2, "config": config, "layers": [layer]}
    rich = {**top, "schemaVersion": 2, "config": {**config, **below}, "layers": [{**beside, **layer}]}
    raw = encode(rich, spaces)
    kept = bytes(bytearray(raw))
    found = parse_manifest(raw, declared)
    assert found == parse_manifest(encode(plain, None), declared)
    assert raw == kept
    assert isinstance(found, Manifest)
    again = parse_manifest(encode_document(found))
    assert again == found


@given(UNKNOWN, UNKNOWN, st.none() | st.integers(0, 3))
def test_unknown_fields_of_a_config_change_nothing(
    top: dict[str, Any], below: dict[str, Any], spaces: int | None
) -> None:
    plain = {"os": "linux", "architecture": "amd64", "config": {"Env": ["A=b"]}, "rootfs": {"diff_ids": []}}
    rich = {**plain, **top, "config": {"Env": ["A=b"], **below}}
    raw = encode(rich, spaces)
    kept = bytes(bytearray(raw))
    assert parse_config(raw) == parse_config(encode(plain, None))
    assert raw == kept


PIECES = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers", "subject", "annotations"]
)
VALUES = JSON | st.sampled_from([1, 2, OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, [], {}])


@given(st.dictionaries(PIECES, VALUES), st.none() | st.sampled_from([OCI_MANIFEST, OCI_INDEX, "text/html"]))
def test_any_document_is_of_one_kind_or_refused(document: dict[str, Any], declared: str | None) -> None:
    raw = encode(document, None)
    try:
        found = detect_media_type(raw, declared)
    except (Invalid, SchemaOne):
        return
    as_index = "manifests" in document
    assert (found == OCI_INDEX) == as_index
    assert as_index != bool({"config", "layers"} & set(document))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(raw: bytes) -> None:
    for read in (parse_manifest, parse_config):
        try:
            read(raw)
        except (Invalid, SchemaOne):
            continue
