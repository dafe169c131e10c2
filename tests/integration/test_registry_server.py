"""The categories of the specification's conformance suite: pull, push, discovery, management.

Specification: distribution-spec 1.1; its suite (conformance/) tells what a registry is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_wire import INDEX, LAYER, MANIFEST, Wire, descriptor, digest_of, index, manifest
from shale.oci.digest import Digest
from shale.registry.protocol import next_link
from shale.registry.server.options import ServerOptions
from shale.registry.server.service import RegistryServer

BLOB = bytes(range(256)) * 1000
ABSENT = f"sha256:{'0' * 64}"
EMPTY = "application/vnd.oci.empty.v1+json"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RegistryServer(tmp_path_factory.mktemp("registry")) as server:
        yield server.address


@pytest.fixture
def wire(address: str, request: pytest.FixtureRequest) -> Wire:
    """Each test has a repository of its own on one server."""
    name = "".join(letter for letter in request.node.name.lower() if letter.isalnum())
    return Wire(address, f"conformance/{name[:100]}")


# Pull


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


# Push


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


# Content discovery


def test_tags_in_pages(wire: Wire) -> None:
    raw = wire.push_image()
    for tag in ("b", "A", "a", "B", "v1.10", "v1.2", "_x"):
        wire.push_manifest(raw, tag)
    whole = wire("GET", "tags/list")
    assert whole.json == {"name": wire.repository, "tags": ["_x", "A", "a", "B", "b", "v1.10", "v1.2"]}
    assert "Link" not in whole.headers
    pages, path = [], "tags/list?n=3"
    while path:
        answer = wire("GET", path)
        pages.append(answer.json["tags"])
        path = next_link(answer.headers["Link"] or "") or ""
    assert pages == [["_x", "A", "a"], ["B", "b", "v1.10"], ["v1.2"]]
    assert wire("GET", "tags/list?n=7").headers["Link"] is None
    assert wire("GET", "tags/list?last=B").json["tags"] == ["b", "v1.10", "v1.2"]
    assert wire("GET", "tags/list?last=nowhere&n=1").json["tags"] == ["v1.10"]
    none = wire("GET", "tags/list?n=0")
    assert (none.json["tags"], none.headers["Link"]) == ([], None)


def test_tags_of_an_unknown_repository(wire: Wire) -> None:
    answer = wire("GET", "tags/list")
    assert (answer.status, answer.codes) == (404, ["NAME_UNKNOWN"])


@pytest.mark.parametrize(("n", "status"), [("2147483648", 200), ("9" * 4000, 200), ("-1", 400), ("x", 400)])
def test_absurd_page_sizes(wire: Wire, n: str, status: int) -> None:
    wire.push_image("latest")
    for path in ("tags/list", "/v2/_catalog"):
        assert wire("GET", f"{path}?n={n}").status == status


def test_the_catalog(wire: Wire) -> None:
    wire.push_blob(b"")
    names, path = [], "/v2/_catalog?n=2"
    while path:
        answer = wire("GET", path)
        assert len(answer.json["repositories"]) <= 2
        names += answer.json["repositories"]
        path = next_link(answer.headers["Link"] or "") or ""
    assert wire.repository in names
    assert names == sorted(set(names))


def test_referrers(wire: Wire) -> None:
    subject = wire.push_image("latest")
    about = descriptor(subject, MANIFEST)
    wire.push_blob(b"sbom")
    notes = {"org.example.note": "kept"}
    by_config = manifest(b"sbom", subject=about, config_type="application/x-sbom", annotations=notes)
    by_field = manifest(b"{}", subject=about, config_type=EMPTY, artifactType="application/x-signature")
    an_index = index([subject], subject=about, artifactType="application/x-sbom")
    plain_index = index([], subject=about)
    for raw, kind in ((by_config, MANIFEST), (by_field, MANIFEST), (an_index, INDEX), (plain_index, INDEX)):
        answer = wire.push_manifest(raw, media_type=kind)
        assert (answer.status, answer["OCI-Subject"]) == (201, digest_of(subject))
    answer = wire("GET", f"referrers/{digest_of(subject)}")
    assert (answer.status, answer["Content-Type"]) == (200, INDEX)
    assert answer.headers["OCI-Filters-Applied"] is None
    document = answer.json
    assert (document["schemaVersion"], document["mediaType"]) == (2, INDEX)
    expected = [
        descriptor(by_config, MANIFEST, artifactType="application/x-sbom", annotations=notes),
        descriptor(by_field, MANIFEST, artifactType="application/x-signature"),
        descriptor(an_index, INDEX, artifactType="application/x-sbom"),
        descriptor(plain_index, INDEX),
    ]
    assert document["manifests"] == sorted(expected, key=lambda one: str(one["digest"]))
    sboms = wire("GET", f"referrers/{digest_of(subject)}?artifactType=application%2Fx-sbom")
    assert sboms["OCI-Filters-Applied"] == "artifactType"
    assert {one["artifactType"] for one in sboms.json["manifests"]} == {"application/x-sbom"}
    assert len(sboms.json["manifests"]) == 2
    none = wire("GET", f"referrers/{digest_of(subject)}?artifactType=application/x-none")
    assert none.json["manifests"] == []


def test_referrers_of_what_is_not_there(wire: Wire) -> None:
    answer = wire("GET", f"referrers/{ABSENT}")
    assert (answer.status, answer.json["manifests"]) == (200, [])
    wire.push_blob(b"{}")
    early = manifest(b"{}", subject={"mediaType": MANIFEST, "digest": ABSENT, "size": 1})
    assert wire.push_manifest(early)["OCI-Subject"] == ABSENT
    found = wire("GET", f"referrers/{ABSENT}").json["manifests"]
    assert [one["digest"] for one in found] == [digest_of(early)]
    wrong = wire("GET", "referrers/latest")
    assert (wrong.status, wrong.codes) == (400, ["DIGEST_INVALID"])


def test_a_flood_of_referrers_comes_in_pages(wire: Wire) -> None:
    about = descriptor(wire.push_image("latest"), MANIFEST)
    pushed = set()
    for number in range(5):
        notes = {"number": str(number), "weight": "x" * 900_000}
        raw = manifest(b"{}", subject=about, artifactType="a/b", annotations=notes)
        assert wire.push_manifest(raw).status == 201
        pushed.add(digest_of(raw))
    found: list[str] = []
    path = f"referrers/{about['digest']}?artifactType=a/b"
    pages = 0
    while path:
        answer = wire("GET", path)
        assert len(answer.body) < 3_000_000
        found += [one["digest"] for one in answer.json["manifests"]]
        path = next_link(answer.headers["Link"] or "") or ""
        pages += 1
    assert pages == 3
    assert len(found) == 5
    assert set(found) == pushed


# Content management


def test_a_tag_is_deleted_alone(wire: Wire) -> None:
    raw = wire.push_image("one")
    wire.push_manifest(raw, "two")
    assert wire("DELETE", "manifests/one").status == 202
    assert wire("GET", "manifests/one").status == 404
    assert wire("GET", "manifests/two").body == raw
    assert wire("GET", f"manifests/{digest_of(raw)}").body == raw
    again = wire("DELETE", "manifests/one")
    assert (again.status, again.codes) == (404, ["MANIFEST_UNKNOWN"])


def test_a_manifest_is_deleted_with_its_tags(wire: Wire) -> None:
    raw = wire.push_image("one")
    other = wire.push_image("other", b"[]")
    wire.push_manifest(raw, "two")
    assert wire("DELETE", f"manifests/{digest_of(raw)}").status == 202
    for reference in ("one", "two", digest_of(raw)):
        assert wire("GET", f"manifests/{reference}").codes == ["MANIFEST_UNKNOWN"]
    assert wire("GET", "tags/list").json["tags"] == ["other"]
    assert wire("GET", "manifests/other").body == other
    assert wire("DELETE", f"manifests/{digest_of(raw)}").status == 404
    assert wire.push_manifest(raw, "one").status == 201
    assert wire("GET", "manifests/one").body == raw


def test_a_deleted_referrer_is_not_listed(wire: Wire) -> None:
    about = descriptor(wire.push_image("latest"), MANIFEST)
    raw = manifest(b"{}", subject=about, artifactType="a/b")
    wire.push_manifest(raw)
    assert len(wire("GET", f"referrers/{about['digest']}").json["manifests"]) == 1
    assert wire("DELETE", f"manifests/{digest_of(raw)}").status == 202
    assert wire("GET", f"referrers/{about['digest']}").json["manifests"] == []


def test_a_blob_is_deleted_from_one_repository(wire: Wire) -> None:
    digest = wire.push_blob(BLOB)
    other = Wire(wire.address, f"{wire.repository}/other")
    other("POST", f"blobs/uploads/?mount={digest}&from={wire.repository}")
    assert wire("DELETE", f"blobs/{digest}").status == 202
    assert wire("GET", f"blobs/{digest}").codes == ["BLOB_UNKNOWN"]
    assert wire("DELETE", f"blobs/{digest}").codes == ["BLOB_UNKNOWN"]
    assert other("GET", f"blobs/{digest}").body == BLOB
    assert wire.push_blob(BLOB) == digest
    assert wire("GET", f"blobs/{digest}").body == BLOB


def test_without_deleting_every_delete_is_refused(tmp_path: Path) -> None:
    with RegistryServer(tmp_path, options=ServerOptions(allow_delete=False)) as server:
        wire = Wire(server.address)
        raw = wire.push_image("latest")
        for path in ("manifests/latest", f"manifests/{digest_of(raw)}", f"blobs/{digest_of(b'{}')}"):
            answer = wire("DELETE", path)
            assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"])
            assert "DELETE" not in answer["Allow"]
            assert wire("GET", path).status == 200
        assert wire("DELETE", wire.begin()).status == 204, "one's own upload may be cancelled"


def test_methods_that_are_not_there(wire: Wire) -> None:
    digest = Digest.of(b"")
    for method, path in (
        ("PUT", "/v2/"),
        ("POST", "tags/list"),
        ("PUT", f"blobs/{digest}"),
        ("POST", "manifests/latest"),
        ("GET", "blobs/uploads/"),
        ("DELETE", f"referrers/{digest}"),
        ("POST", "/v2/_catalog"),
    ):
        answer = wire(method, path)
        assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"]), (method, path)
        assert method not in answer["Allow"]
