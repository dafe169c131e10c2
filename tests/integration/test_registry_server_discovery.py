"""Content discovery, of the categories of the specification's conformance suite.

Specification: distribution-spec 1.1; its suite (conformance/) tells what a registry is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry_wire import INDEX, MANIFEST, Wire, descriptor, digest_of, index, manifest
from shale.registry.protocol import next_link
from shale.registry.server.service import RegistryServer

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
