"""Pull, of the categories of the specification's conformance suite.

Specification: distribution-spec 1.1; its suite (conformance/) tells what a registry is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry_wire import MANIFEST, Wire, digest_of
from shale.registry.server.service import RegistryServer

BLOB = bytes(range(256)) * 1000
ABSENT = f"sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RegistryServer(tmp_path_factory.mktemp("registry")) as server:
        yield server.address


@pytest.fixture
def wire(address: str, request: pytest.FixtureRequest) -> Wire:
    """Each test has a repository of its own on one server."""
    name = "".join(letter for letter in request.node.name.lower() if letter.isalnum())
    return Wire(address, f"conformance/{name[:100]}")


def test_the_root_says_that_this_is_a_registry(wire: Wire) -> None:
    for path in ("/v2/", "/v2"):
        answer = wire("GET", path)
        assert (answer.status, answer["Docker-Distribution-Api-Version"]) == (200, "registry/2.0")
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert wire("HEAD", "/v2/").status == 200


def test_a_blob_comes_back_whole(wire: Wire) -> None:
    digest = wire.push_blob(BLOB)
    answer = wire("GET", f"blobs/{digest}")
    assert (answer.status, answer.body) == (200, BLOB)
    assert answer["Docker-Content-Digest"] == digest
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    head = wire("HEAD", f"blobs/{digest}")
    assert (head.status, head.body, head["Content-Length"]) == (200, b"", str(len(BLOB)))
    assert head["Docker-Content-Digest"] == digest


def test_a_blob_that_is_not_there(wire: Wire) -> None:
    answer = wire("GET", f"blobs/{ABSENT}")
    assert (answer.status, answer.codes) == (404, ["BLOB_UNKNOWN"])
    assert wire("HEAD", f"blobs/{ABSENT}").status == 404


def test_a_manifest_comes_back_by_tag_and_by_digest(wire: Wire) -> None:
    raw = wire.push_image("latest", layers=[BLOB])
    for reference in ("latest", digest_of(raw)):
        answer = wire("GET", f"manifests/{reference}", headers={"Accept": "application/json"})
        assert (answer.status, answer.body, answer["Content-Type"]) == (200, raw, MANIFEST)
        head = wire("HEAD", f"manifests/{reference}")
        assert (head.status, head.body, head["Content-Length"]) == (200, b"", str(len(raw)))
        assert answer["Docker-Content-Digest"] == head["Docker-Content-Digest"] == digest_of(raw)


def test_a_manifest_that_is_not_there(wire: Wire) -> None:
    for reference in (ABSENT, "nothing"):
        answer = wire("GET", f"manifests/{reference}")
        assert (answer.status, answer.codes) == (404, ["MANIFEST_UNKNOWN"])
        assert wire("HEAD", f"manifests/{reference}").status == 404


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        ("bytes=200000-", 200_000, 255_999),
        ("bytes=-7", 255_993, 255_999),
        ("bytes=0-999999", 0, 255_999),
        ("bytes=100-200099", 100, 200_099),
    ],
)
def test_a_range_of_a_blob(wire: Wire, header: str, first: int, last: int) -> None:
    digest = wire.push_blob(BLOB)
    answer = wire("GET", f"blobs/{digest}", headers={"Range": header})
    assert (answer.status, answer.body) == (206, BLOB[first : last + 1])
    assert answer["Content-Range"] == f"bytes {first}-{last}/{len(BLOB)}"


@pytest.mark.parametrize("header", ["bytes=256000-", "bytes=9-5", "bytes=-0", "bytes=x-y"])
def test_a_range_outside_of_a_blob(wire: Wire, header: str) -> None:
    digest = wire.push_blob(BLOB)
    answer = wire("GET", f"blobs/{digest}", headers={"Range": header})
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert answer["Content-Range"] == f"bytes */{len(BLOB)}"


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "lines=1-2"])
def test_a_range_of_another_kind_is_answered_with_the_whole(wire: Wire, header: str) -> None:
    answer = wire("GET", f"blobs/{wire.push_blob(BLOB)}", headers={"Range": header})
    assert (answer.status, answer.body) == (200, BLOB)


def test_conditions(wire: Wire) -> None:
    digest = wire.push_blob(BLOB)
    tag = wire("HEAD", f"blobs/{digest}")["ETag"]
    for value in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = wire("GET", f"blobs/{digest}", headers={"If-None-Match": value})
        assert (answer.status, answer.body) == (304, b"")
    assert wire("GET", f"blobs/{digest}", headers={"If-None-Match": '"other"'}).status == 200
    part = {"Range": "bytes=1-2"}
    assert wire("GET", f"blobs/{digest}", headers={**part, "If-Range": tag}).body == BLOB[1:3]
    changed = wire("GET", f"blobs/{digest}", headers={**part, "If-Range": '"other"'})
    assert (changed.status, changed.body) == (200, BLOB)
    raw = wire.push_image("latest")
    tag = wire("HEAD", "manifests/latest")["ETag"]
    assert tag == f'"{digest_of(raw)}"'
    assert wire("GET", "manifests/latest", headers={"If-None-Match": tag}).status == 304
