"""Content management, of the categories of the specification's conformance suite.

Specification: distribution-spec 1.1; its suite (conformance/) tells what a registry is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_wire import MANIFEST, Wire, descriptor, digest_of, manifest
from shale.oci.digest import Digest
from shale.registry.server.options import ServerOptions
from shale.registry.server.service import RegistryServer

BLOB = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RegistryServer(tmp_path_factory.mktemp("registry")) as server:
        yield server.address


@pytest.fixture
def wire(address: str, request: pytest.FixtureRequest) -> Wire:
    """Each test has a repository of its own on one server."""
    name = "".join(letter for letter in request.node.name.lower() if letter.isalnum())
    return Wire(address, f"conformance/{name[:100]}")


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
