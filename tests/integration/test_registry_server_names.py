"""What strangers send as names: paths, other people's uploads, guesses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_wire import Wire, digest_of, speak
from shale.registry.server.service import RegistryServer

BLOB = os.urandom(300_000)
ABSENT = f"sha256:{'0' * 64}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "parent" / "data"


@pytest.fixture
def wire(folder: Path) -> Iterator[Wire]:
    with RegistryServer(folder) as server:
        yield Wire(server.address)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.parent.rglob("*") if path != folder}


@pytest.mark.parametrize(
    "name",
    [
        *("..", "a/..", "../a", "a/../b", ".", "a//b", "/a", "a/", "A", "a b", "a:b", "a:5000/b", "-a", "a_"),
        *("a..b", f"a@{ABSENT}", "_catalog", "_", "é", "a" * 256, "a/" * 200 + "a"),
        *("%2e%2e", "a%2f..%2fb", "%2fetc", "a%00", "a%0a", "a%5cb", "%ff", "%C3%A9", "a%3fb", "a%23b"),
    ],
)
def test_names_that_are_not_repositories(wire: Wire, folder: Path, name: str) -> None:
    before = files(folder)
    path = f"/v2/{name}".encode().decode("latin-1")
    for method, rest in (
        ("GET", "tags/list"),
        ("GET", f"blobs/{ABSENT}"),
        ("GET", f"referrers/{ABSENT}"),
        ("PUT", "manifests/latest"),
        ("POST", "blobs/uploads/"),
        ("POST", f"blobs/uploads/?digest={digest_of(b'')}"),
    ):
        host = f"Host: {wire.address}\r\nConnection: close\r\nContent-Length: 0"
        raw = f"{method} {path}/{rest} HTTP/1.1\r\n{host}\r\n\r\n".encode("latin-1")
        status = speak(wire.address, raw).split(b" ", 2)[1]
        assert status in (b"400", b"404"), (method, rest)
    assert files(folder) == before
    assert wire("GET", "/v2/_catalog").json["repositories"] == []


@pytest.mark.parametrize(
    "digest",
    [
        *("sha256:../../registry.db", "sha256:..%2f..%2fregistry.db", "sha256:" + "A" * 64),
        *("sha256:" + "a" * 63, "sha256:", "md5:" + "a" * 32, "sha256-" + "a" * 64),
        *("sha256:" + "a" * 64 + "%00", "sha512:" + "a" * 64),
    ],
)
def test_digests_that_are_paths(wire: Wire, digest: str) -> None:
    for method, where in (("GET", "blobs"), ("HEAD", "blobs"), ("DELETE", "blobs"), ("GET", "referrers")):
        assert wire(method, f"{where}/{digest}").status in (400, 404), (method, where)
    if ":" in digest:
        assert wire("GET", f"manifests/{digest}").status in (400, 404)
    location = wire.begin()
    answer = wire("PUT", f"{location}?digest={digest}", BLOB)
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])


@pytest.mark.parametrize("tag", ["-a", ".a", "a" * 129, "a%20b", "é".encode().hex(), "a+b", "%2e%2e"])
def test_texts_that_are_not_tags(wire: Wire, tag: str) -> None:
    wire.push_image()
    expected = 404 if tag.isalnum() and len(tag) < 129 else 400
    assert wire("GET", f"manifests/{tag}").status == expected


def test_an_upload_belongs_to_its_repository(wire: Wire) -> None:
    location = wire.begin()
    assert wire("PATCH", location, BLOB).status == 202
    stolen = location.replace(wire.repository, "another/app")
    for method in ("GET", "PATCH", "DELETE"):
        answer = wire(method, stolen)
        assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"])
    assert wire("PUT", f"{stolen}?digest={digest_of(BLOB)}").status == 404
    assert wire("GET", location)["Range"] == f"0-{len(BLOB) - 1}"


def test_upload_ids_are_not_guessed(wire: Wire) -> None:
    begun = wire.begin().rpartition("/")[2]
    assert begun != wire.begin().rpartition("/")[2]
    changed = ("0" if begun[0] != "0" else "1") + begun[1:]
    for guess in (
        changed,
        "0" * 32,
        begun[:-1],
        begun + "0",
        begun.upper() + "G",
        "..",
        "%2e%2e",
        "..%2f..%2fx",
    ):
        for method in ("GET", "PATCH", "DELETE"):
            assert wire(method, f"blobs/uploads/{guess}").status in (400, 404), guess
