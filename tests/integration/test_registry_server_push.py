"""Push, of the categories of the specification's conformance suite.

Specification: distribution-spec 1.1; its suite (conformance/) tells what a registry is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from registry_wire import INDEX, LAYER, MANIFEST, Wire, descriptor, digest_of, index, manifest
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


def test_a_monolithic_upload_in_one_request(wire: Wire) -> None:
    digest = digest_of(BLOB)
    answer = wire("POST", f"blobs/uploads/?digest={digest}", BLOB)
    assert (answer.status, answer["Docker-Content-Digest"]) == (201, digest)
    assert wire("GET", answer["Location"]).body == BLOB


def test_a_monolithic_upload_in_two_requests(wire: Wire) -> None:
    digest = digest_of(BLOB)
    answer = wire("PUT", f"{wire.begin()}?digest={digest}", BLOB)
    assert (answer.status, answer["Docker-Content-Digest"]) == (201, digest)
    assert wire("GET", answer["Location"]).body == BLOB


def test_an_empty_blob(wire: Wire) -> None:
    digest = wire.push_blob(b"")
    answer = wire("GET", f"blobs/{digest}")
    assert (answer.status, answer.body) == (200, b"")


def test_a_digest_of_another_algorithm(wire: Wire) -> None:
    digest = digest_of(BLOB, "sha512")
    location = wire.begin()
    assert wire("PATCH", location, BLOB[:1000]).status == 202
    assert wire("PUT", f"{location}?digest={digest}", BLOB[1000:]).status == 201
    assert wire("GET", f"blobs/{digest}").body == BLOB


def test_a_streamed_upload_of_unknown_length(wire: Wire) -> None:
    location = wire.begin()
    answer = wire("PATCH", location, iter([BLOB[:70_000], BLOB[70_000:]]))
    assert (answer.status, answer["Range"]) == (202, f"0-{len(BLOB) - 1}")
    assert wire("PUT", f"{answer['Location']}?digest={digest_of(BLOB)}").status == 201
    assert wire("GET", f"blobs/{digest_of(BLOB)}").body == BLOB


def test_a_chunked_upload(wire: Wire) -> None:
    location = wire.begin()
    for first in range(0, 200_000, 100_000):
        assert wire("GET", location)["Range"] == f"0-{max(0, first - 1)}"
        chunk = BLOB[first : first + 100_000]
        answer = wire("PATCH", location, chunk, {"Content-Range": f"{first}-{first + 99_999}"})
        assert (answer.status, answer["Range"]) == (202, f"0-{first + 99_999}")
        location = answer["Location"]
    status = wire("GET", location)
    assert (status.status, status["Range"], status.body) == (204, "0-199999", b"")
    last = {"Content-Range": f"200000-{len(BLOB) - 1}"}
    assert wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB[200_000:], last).status == 201
    assert wire("GET", f"blobs/{digest_of(BLOB)}").body == BLOB


def test_chunks_out_of_order(wire: Wire) -> None:
    location = wire.begin()
    early = wire("PATCH", location, BLOB[10:20], {"Content-Range": "10-19"})
    assert (early.status, early["Range"], early["Location"]) == (416, "0-0", location)
    assert wire("PATCH", location, BLOB[:10], {"Content-Range": "0-9"}).status == 202
    for body, span in ((BLOB[:10], "0-9"), (BLOB[5:15], "5-14"), (BLOB[11:20], "11-19")):
        answer = wire("PATCH", location, body, {"Content-Range": span})
        assert (answer.status, answer["Range"], answer.codes) == (416, "0-9", ["RANGE_INVALID"])
    gap = wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB[20:], {"Content-Range": "20-255999"})
    assert gap.status == 416
    rest = {"Content-Range": f"10-{len(BLOB) - 1}"}
    assert wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB[10:], rest).status == 201


def test_an_upload_with_a_wrong_digest_is_over(wire: Wire) -> None:
    location = wire.begin()
    answer = wire("PUT", f"{location}?digest={ABSENT}", BLOB)
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert wire("GET", location).codes == ["BLOB_UPLOAD_UNKNOWN"]
    assert wire("POST", f"blobs/uploads/?digest={ABSENT}", BLOB).codes == ["DIGEST_INVALID"]
    assert wire("GET", f"blobs/{ABSENT}").status == 404


def test_an_upload_without_a_digest_goes_on(wire: Wire) -> None:
    location = wire.begin()
    answer = wire("PUT", location, BLOB)
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB).status == 201


def test_an_upload_is_cancelled(wire: Wire) -> None:
    location = wire.begin()
    assert wire("PATCH", location, BLOB).status == 202
    assert wire("DELETE", location).status == 204
    for method in ("GET", "PATCH", "DELETE"):
        answer = wire(method, location, BLOB if method == "PATCH" else None)
        assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"])


def test_a_finished_upload_is_gone(wire: Wire) -> None:
    location = wire.begin()
    assert wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB).status == 201
    assert wire("PATCH", location, BLOB).codes == ["BLOB_UPLOAD_UNKNOWN"]


def test_a_blob_is_mounted_from_a_repository_that_has_it(wire: Wire) -> None:
    digest = wire.push_blob(BLOB)
    other = Wire(wire.address, f"{wire.repository}/other")
    assert other("GET", f"blobs/{digest}").status == 404
    answer = other("POST", f"blobs/uploads/?mount={digest}&from={wire.repository}")
    assert (answer.status, answer["Docker-Content-Digest"]) == (201, digest)
    assert other("GET", answer["Location"]).body == BLOB


@pytest.mark.parametrize(
    "query",
    [
        *("mount={0}", "mount={0}&from=conformance/stranger", f"mount={ABSENT}&from={{1}}", "mount=x&from={1}"),
        *("mount={0}&from=../{1}", "mount={0}&from="),
    ],
)
def test_a_mount_that_cannot_be_is_an_upload(wire: Wire, query: str) -> None:
    digest = wire.push_blob(BLOB)
    other = Wire(wire.address, f"{wire.repository}/other")
    answer = other("POST", "blobs/uploads/?" + query.format(digest, wire.repository))
    assert answer.status == 202
    assert other("GET", f"blobs/{digest}").status == 404
    assert other("PUT", f"{answer['Location']}?digest={digest}", BLOB).status == 201


def test_manifests_under_tags_and_digest(wire: Wire) -> None:
    config = wire.push_blob(b"{}")
    raw = manifest(b"{}")
    for reference in ("one", "two", digest_of(raw), digest_of(raw, "sha512")):
        answer = wire.push_manifest(raw, reference)
        assert answer.status == 201, (config, answer)
        assert wire("GET", answer["Location"]).body == raw
    assert wire("GET", "tags/list").json["tags"] == ["one", "two"]


def test_a_tag_moves(wire: Wire) -> None:
    first = wire.push_image("latest")
    second = wire.push_image("latest", b"[]")
    assert wire("GET", "manifests/latest").body == second
    assert wire("GET", f"manifests/{digest_of(first)}").body == first


def test_an_index_and_its_children(wire: Wire) -> None:
    child = wire.push_image()
    raw = index([child])
    assert wire.push_manifest(raw, "all", INDEX).status == 201
    answer = wire("GET", "manifests/all")
    assert (answer.body, answer["Content-Type"]) == (raw, INDEX)
    lacking = wire.push_manifest(index([child, b"absent"]), "lacking", INDEX)
    assert (lacking.status, lacking.codes) == (404, ["MANIFEST_BLOB_UNKNOWN"])
    assert wire("HEAD", "manifests/lacking").status == 404


def test_a_manifest_whose_content_is_not_here(wire: Wire) -> None:
    wire.push_blob(b"{}")
    raw = manifest(b"{}", [b"one", b"two"])
    answer = wire.push_manifest(raw, "latest")
    assert (answer.status, answer.codes) == (404, ["MANIFEST_BLOB_UNKNOWN"] * 2)
    missing = [error["detail"]["digest"] for error in answer.json["errors"]]
    assert missing == [digest_of(b"one"), digest_of(b"two")]
    assert wire("HEAD", "manifests/latest").status == 404
    other = Wire(wire.address, f"{wire.repository}/other")
    other.push_blob(b"one")
    other.push_blob(b"two")
    assert wire.push_manifest(raw, "latest").status == 404, "content of another repository does not count"


def test_layers_that_may_not_be_distributed_are_not_asked_for(wire: Wire) -> None:
    wire.push_blob(b"{}")
    foreign = {**descriptor(b"far away", LAYER), "urls": ["https://example.invalid/layer"]}
    foreign["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    raw = json.dumps({**json.loads(manifest(b"{}")), "layers": [foreign]}).encode()
    assert wire.push_manifest(raw, "latest").status == 201


@pytest.mark.parametrize(
    ("body", "media_type", "code"),
    [
        (b"", MANIFEST, "MANIFEST_INVALID"),
        (b"{", MANIFEST, "MANIFEST_INVALID"),
        (b'{"schemaVersion": 2}', MANIFEST, "MANIFEST_INVALID"),
        (b'{"schemaVersion": 1, "fsLayers": []}', MANIFEST, "MANIFEST_INVALID"),
        (index([]), MANIFEST, "MANIFEST_INVALID"),
        (manifest(b"{}"), INDEX, "MANIFEST_INVALID"),
        (b"[" * 100_000, MANIFEST, "MANIFEST_INVALID"),
    ],
)
def test_what_is_not_a_manifest(wire: Wire, body: bytes, media_type: str, code: str) -> None:
    wire.push_blob(b"{}")
    answer = wire.push_manifest(body, "latest", media_type)
    assert (answer.status, answer.codes) == (400, [code])
    assert wire("HEAD", "manifests/latest").status == 404


def test_a_manifest_that_gives_a_wrong_size(wire: Wire) -> None:
    wire.push_blob(b"{}")
    wrong = json.loads(manifest(b"{}"))
    wrong["config"]["size"] = 3
    answer = wire.push_manifest(json.dumps(wrong).encode(), "latest")
    assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])


def test_a_manifest_under_a_wrong_digest(wire: Wire) -> None:
    wire.push_blob(b"{}")
    answer = wire.push_manifest(manifest(b"{}"), ABSENT)
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])


def test_the_largest_manifest(wire: Wire) -> None:
    wire.push_blob(b"{}")
    fits = manifest(b"{}").ljust(4 << 20)
    assert wire.push_manifest(fits, "fits").status == 201
    assert wire("GET", "manifests/fits").body == fits
    answer = wire.push_manifest(fits + b" ", "large")
    assert (answer.status, answer.codes) == (413, ["SIZE_INVALID"])
    streamed = wire("PUT", "manifests/large", iter([fits, b" "]), {"Content-Type": MANIFEST})
    assert streamed.status == 413
