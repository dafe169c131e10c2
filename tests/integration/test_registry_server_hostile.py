"""What strangers send: games with ranges, bodies without end, two requests in one."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from registry_wire import MANIFEST, Answer, Wire, digest_of, speak
from shale.registry.server.options import ServerOptions
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


def eventually(wire: Wire, method: str, path: str, status: int) -> Answer:
    """Ask until that status comes; within ten seconds."""
    deadline = time.monotonic() + 10
    while (answer := wire(method, path)).status != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer


def half_a_patch(address: str, location: str, length: int, body: bytes) -> socket.socket:
    """A connection on which a PATCH has begun."""
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    head = f"PATCH {location} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_only_one_request_writes_an_upload(wire: Wire) -> None:
    location = wire.begin()
    with half_a_patch(wire.address, location, len(BLOB), BLOB[:1000]) as first:
        busy = eventually(wire, "GET", location, 409)
        assert busy.codes == ["BLOB_UPLOAD_INVALID"]
        for method in ("PATCH", "PUT", "DELETE"):
            assert wire(method, f"{location}?digest={digest_of(BLOB)}", BLOB[:1]).status == 409
        first.sendall(BLOB[1000:])
        assert first.recv(65536).startswith(b"HTTP/1.1 202")
    assert wire("PUT", f"{location}?digest={digest_of(BLOB)}").status == 201


def test_a_cut_connection_leaves_its_bytes(wire: Wire, folder: Path) -> None:
    location = wire.begin()
    with half_a_patch(wire.address, location, len(BLOB), BLOB[:100_000]):
        deadline = time.monotonic() + 10
        while not sum(path.stat().st_size for path in folder.glob("ingest/*/data")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    status = eventually(wire, "GET", location, 204)
    came = int(status["Range"].removeprefix("0-")) + 1
    assert 1 < came <= 100_000
    rest = {"Content-Range": f"{came}-{len(BLOB) - 1}"}
    assert wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB[came:], rest).status == 201
    assert wire("GET", f"blobs/{digest_of(BLOB)}").body == BLOB


@pytest.mark.parametrize(
    "span",
    ["", "0", "-9", "0-", "9-0", "a-b", "-1-9", "0-9,10-19", "0x0-0x9", "1" * 30 + "-" + "9" * 30, "0-8"],
)
def test_content_ranges_that_are_none(wire: Wire, span: str) -> None:
    location = wire.begin()
    answer = wire("PATCH", location, b"0123456789", {"Content-Range": span})
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert wire("GET", location)["Range"] == "0-0"


def test_a_chunk_of_unknown_length_keeps_to_its_range(wire: Wire) -> None:
    location = wire.begin()
    long = wire("PATCH", location, iter([b"0123456789"] * 2), {"Content-Range": "0-9"})
    assert (long.status, long.codes) == (413, ["SIZE_INVALID"])
    short = wire("PATCH", wire.begin(), iter([b"01234"]), {"Content-Range": "0-9"})
    assert (short.status, short.codes) == (400, ["SIZE_INVALID"])


def test_bodies_larger_than_a_blob_may_be(folder: Path) -> None:
    with RegistryServer(folder, options=ServerOptions(largest_blob=1000)) as server:
        wire = Wire(server.address)
        announced = wire("PATCH", wire.begin(), b"x" * 1001)
        assert (announced.status, announced.codes) == (413, ["SIZE_INVALID"])
        assert wire("PATCH", wire.begin(), iter([b"x" * 600, b"x" * 600])).status == 413
        location = wire.begin()
        assert wire("PATCH", location, b"x" * 600).status == 202
        assert wire("PATCH", location, b"x" * 600).status == 413
        assert wire("PUT", f"{location}?digest={digest_of(b'x' * 1000)}", b"x" * 400).status == 201


def test_uploads_that_nobody_finishes_expire(folder: Path) -> None:
    with RegistryServer(folder, options=ServerOptions(upload_lifetime=0.3)) as server:
        wire = Wire(server.address)
        location = wire.begin()
        wire("PATCH", location, BLOB)
        assert list((folder / "ingest").iterdir())
        deadline = time.monotonic() + 10
        while list((folder / "ingest").iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert wire("GET", location).status == 404


def test_too_many_uploads(folder: Path) -> None:
    with RegistryServer(folder, options=ServerOptions(most_uploads=3)) as server:
        wire = Wire(server.address)
        locations = [wire.begin() for _ in range(3)]
        answer = wire("POST", "blobs/uploads/")
        assert (answer.status, answer.codes, answer["Retry-After"]) == (429, ["TOOMANYREQUESTS"], "1")
        assert wire("DELETE", locations[0]).status == 204
        wire.push_blob(BLOB)


def test_more_uploads_than_are_kept_open(wire: Wire) -> None:
    locations = [wire.begin() for _ in range(80)]
    for location in locations:
        assert wire("PATCH", location, BLOB[:10]).status == 202
    for location in locations:
        assert wire("PUT", f"{location}?digest={digest_of(BLOB)}", BLOB[10:]).status == 201


def test_a_body_that_stands_still_is_cut(folder: Path) -> None:
    with RegistryServer(folder, options=ServerOptions(stall=0.3)) as server:
        wire = Wire(server.address)
        location = wire.begin()
        with half_a_patch(server.address, location, len(BLOB), BLOB[:1000]) as connection:
            assert connection.recv(65536).startswith(b"HTTP/1.1 503")
        assert wire("GET", location)["Range"] == "0-999"


def test_readers_that_do_not_read_hold_up_nobody(folder: Path) -> None:
    large = os.urandom(1 << 20) * 24
    with RegistryServer(folder, options=ServerOptions(threads=2, stall=1)) as server:
        wire = Wire(server.address)
        digest = wire.push_blob(large)
        host, _, port = server.address.rpartition(":")
        request = f"GET /v2/{wire.repository}/blobs/{digest} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        readers = [socket.create_connection((host, int(port)), timeout=30) for _ in range(6)]
        for reader in readers:
            reader.sendall(request)
        assert wire("GET", f"blobs/{digest}").body == large
        time.sleep(1.5)
        for reader in readers:
            with closing(reader):
                assert _read_all(reader) < len(large), "the server let go of it"


def _read_all(connection: socket.socket) -> int:
    """Read what is there until the other side closes or resets: how many bytes."""
    count = 0
    try:
        while chunk := connection.recv(1 << 20):
            count += len(chunk)
    except ConnectionError:
        pass
    return count


def test_content_is_kept_as_it_was_sent(wire: Wire) -> None:
    packed = gzip.compress(BLOB)
    location = wire.begin()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert wire("PUT", f"{location}?digest={digest_of(packed)}", packed, headers).status == 201
    answer = wire("GET", f"blobs/{digest_of(packed)}", headers={"Accept-Encoding": "gzip"})
    assert (answer.body, answer.headers["Content-Encoding"]) == (packed, None)


def test_markup_is_not_served_as_markup(wire: Wire) -> None:
    page = b"<script>alert(1)</script>"
    digest = wire.push_blob(page)
    blob = wire("GET", f"blobs/{digest}")
    assert (blob["Content-Type"], blob["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    raw = wire.push_image("latest")
    assert wire("PUT", "manifests/latest", raw, {"Content-Type": "text/html"}).status == 201
    assert wire("GET", "manifests/latest")["Content-Type"] == MANIFEST
    error = wire("GET", "manifests/%3Cscript%3E")
    assert (error["Content-Type"].partition(";")[0], error["X-Content-Type-Options"]) == (
        "application/json",
        "nosniff",
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Transfer-Encoding: chunked, identity"],
        ["Content-Length: +5"],
        ["Content-Length : 5"],
        ["X-Long: " + "x" * 100_000],
    ],
)
def test_requests_that_could_be_read_in_two_ways(wire: Wire, lines: list[str]) -> None:
    location = wire.begin()
    head = [f"PATCH {location} HTTP/1.1", f"Host: {wire.address}", *lines]
    smuggled = f"0\r\n\r\nGET /v2/_catalog HTTP/1.1\r\nHost: {wire.address}\r\n\r\n"
    heard = speak(wire.address, ("\r\n".join(head) + "\r\n\r\n" + smuggled).encode())
    assert heard.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"repositories" not in heard
    assert wire("GET", location)["Range"] == "0-0"


def test_requests_in_a_row_are_answered_in_order(wire: Wire) -> None:
    digest = wire.push_blob(BLOB)
    ask = f"Host: {wire.address}\r\n"
    first = f"GET /v2/{wire.repository}/blobs/{digest} HTTP/1.1\r\n{ask}\r\n"
    second = f"GET /v2/_catalog HTTP/1.1\r\n{ask}Connection: close\r\n\r\n"
    heard = speak(wire.address, (first + second).encode())
    head, _, rest = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert rest[: len(BLOB)] == BLOB
    assert rest[len(BLOB) :].startswith(b"HTTP/1.1 200")
    assert rest.endswith(b'{"repositories":["team/app"]}')


def test_a_client_that_waits_to_be_asked_for_its_body(wire: Wire) -> None:
    location = wire.begin()
    host, _, port = wire.address.rpartition(":")
    head = f"PUT {location}?digest={digest_of(BLOB)} HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {len(BLOB)}\r\n\r\n".encode())
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BLOB)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201")
        refused = f"PUT {location}?digest=x HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n"
        connection.sendall(f"{refused}Content-Length: {len(BLOB)}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 400"), "refused without the body"


def test_many_push_the_same_blob_at_once(wire: Wire) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(16)

    def push(number: int) -> None:
        try:
            mine = Wire(wire.address, f"team/app{number % 3}")
            start.wait(30)
            assert mine.push_blob(BLOB * 4) == digest_of(BLOB * 4)
            assert mine("GET", f"blobs/{digest_of(BLOB * 4)}").body == BLOB * 4
            mine.push_image("latest", layers=[BLOB * 4])
        except BaseException as error:  # noqa: BLE001 - told to the test's thread
            failures.append(error)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert wire("GET", "/v2/_catalog").json["repositories"] == ["team/app0", "team/app1", "team/app2"]
