"""A registry in a process of its own: killed, stopped, started again, and with a full disk."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from peers.process import Daemon
from registry_wire import Wire, digest_of
from shale.registry.server.service import CannotListen, RegistryServer, serve

SOURCE = Path(__file__).parents[2] / "src"
CONTENT = os.urandom(3 << 20)
PROGRAM = """
import resource, sys
from pathlib import Path
from shale.registry.server.options import ServerOptions
from shale.registry.server.service import serve
listen, data, largest = sys.argv[1:]
if int(largest):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
serve(listen, Path(data), announce=lambda line: print(line, flush=True), options=ServerOptions(grace=2))
"""


@contextmanager
def serving(folder: Path, largest_file: int = 0) -> Iterator[tuple[Daemon, Wire]]:
    """A registry's process; the largest file in bytes is what a full disk is played with."""
    folder.mkdir(exist_ok=True)
    log = folder.parent / f"log-{len(list(folder.parent.iterdir()))}"
    command = [sys.executable, "-c", PROGRAM, "127.0.0.1:0", str(folder), str(largest_file)]
    daemon = Daemon(command, env={"PYTHONPATH": str(SOURCE)}, log=log)
    try:
        line = daemon.wait_until(lambda: next(iter(daemon.log.splitlines()), None))
        assert line.startswith("registry listening on 127.0.0.1:"), daemon.log
        yield daemon, Wire(line.split()[3].rstrip(","))
    finally:
        daemon.stop()


def ended(daemon: Daemon) -> int:
    """The exit code of a process that was told to end; it must within a minute."""
    status = daemon.wait_until(lambda: os.waitid(os.P_PID, daemon.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
    return status.si_status


def test_an_upload_survives_kill(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (daemon, wire):
        raw = wire.push_image("latest", layers=[b"kept"])
        location = wire.begin()
        first = wire("PATCH", location, CONTENT[: 1 << 20], {"Content-Range": f"0-{(1 << 20) - 1}"})
        assert first.status == 202
        host, _, port = wire.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {2 << 20}\r\n\r\n"
            connection.sendall(head.encode() + CONTENT[1 << 20 : 2 << 20])
            daemon.wait_until(lambda: (_kept(folder) > 1 << 20) or None)
            os.kill(daemon.pid, signal.SIGKILL)
            ended(daemon)
    with serving(folder) as (_, wire):
        assert wire("GET", "manifests/latest").body == raw
        status = wire("GET", location)
        assert status.status == 204
        came = int(status["Range"].removeprefix("0-")) + 1
        assert 1 << 20 < came <= 2 << 20
        again = wire(
            "PATCH", location, CONTENT[1 << 20 : 2 << 20], {"Content-Range": f"{1 << 20}-{(2 << 20) - 1}"}
        )
        assert (again.status, again["Range"]) == (416, status["Range"])
        rest = {"Content-Range": f"{came}-{len(CONTENT) - 1}"}
        assert wire("PUT", f"{location}?digest={digest_of(CONTENT)}", CONTENT[came:], rest).status == 201
        assert wire("GET", f"blobs/{digest_of(CONTENT)}").body == CONTENT
        assert list((folder / "ingest").iterdir()) == []


def _kept(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "ingest").glob("*/data"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_requests_end(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (daemon, wire):
        location = wire.begin()
        host, _, port = wire.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = f"PUT {location}?digest={digest_of(CONTENT)} HTTP/1.1\r\nHost: {host}\r\n"
            connection.sendall(f"{head}Content-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT[: 1 << 20])
            daemon.wait_until(lambda: _kept(folder) or None)
            os.kill(daemon.pid, number)
            daemon.wait_until(lambda: ("stopping" in daemon.log) or None)
            connection.sendall(CONTENT[1 << 20 :])
            assert connection.recv(65536).startswith(b"HTTP/1.1 201")
        assert ended(daemon) == 0, daemon.log
    with serving(folder) as (_, wire):
        assert wire("GET", f"blobs/{digest_of(CONTENT)}").body == CONTENT


def test_a_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (daemon, wire):
        location = wire.begin()
        host, _, port = wire.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = f"PATCH {location} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
            connection.sendall(head.encode() + CONTENT[:1000])
            daemon.wait_until(lambda: _kept(folder) or None)
            os.kill(daemon.pid, signal.SIGTERM)
            assert ended(daemon) == 0, daemon.log
    with serving(folder) as (_, wire):
        assert wire("GET", location)["Range"] == "0-999"


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    with serving(tmp_path / "data", largest_file=1 << 20) as (_, wire):
        location = wire.begin()
        assert wire("PATCH", location, CONTENT[:600_000]).status == 202
        full = wire("PATCH", location, CONTENT[600_000:1_200_000])
        assert (full.status, full.codes) == (507, ["UNKNOWN"])
        assert "free some space" in full.json["errors"][0]["message"]
        status = wire("GET", location)
        assert status["Range"] == f"0-{(1 << 20) - 1}"
        # What fitted is exactly what was hashed.
        fitted = CONTENT[: 1 << 20]
        assert wire("PUT", f"{location}?digest={digest_of(fitted)}").status == 201
        assert wire("GET", f"blobs/{digest_of(fitted)}").body == fitted
        wire.push_image("latest")


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    with RegistryServer(tmp_path / "one") as first:
        with pytest.raises(CannotListen, match="--listen"):
            serve(first.address, tmp_path / "two", announce=print)
        with pytest.raises(CannotListen), RegistryServer(tmp_path / "three", listen=first.address):
            pytest.fail("it must not start")


def test_a_server_in_a_thread_is_started_again_on_its_folder(tmp_path: Path) -> None:
    with RegistryServer(tmp_path) as server:
        wire = Wire(server.address)
        location = wire.begin()
        assert wire("PATCH", location, CONTENT).status == 202
    with RegistryServer(tmp_path) as server:
        wire = Wire(server.address)
        assert wire("PUT", f"{location}?digest={digest_of(CONTENT)}").status == 201
