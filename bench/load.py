"""A client of registries that does as little as possible: plain sockets, threads, requests made beforehand.

    python -m bench.load get|put HOST:PORT REPOSITORY CLIENTS COUNT SIZE

Fetches or sends COUNT blobs of SIZE bytes over CLIENTS connections that stay open, and prints the seconds
that it took. Both ends of every comparison are asked by this same client.
"""

from __future__ import annotations

import hashlib
import random
import re
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_BLOCK = 1 << 20
_END = b"\r\n\r\n"


class _Connection:
    """One connection that stays open."""

    def __init__(self, host: str) -> None:
        name, _, port = host.rpartition(":")
        self._host = host
        self._socket = socket.create_connection((name, int(port)), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._view = memoryview(bytearray(_BLOCK))

    def ask(self, method: str, path: str, expected: int, body: bytes = b"") -> bytes:
        """One request; the answer's headers. Its body is received and dropped."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        if body:
            head += "Content-Type: application/octet-stream\r\n"
        if len(body) < _BLOCK:
            self._socket.sendall(f"{head}\r\n".encode() + body)
        else:
            self._socket.sendall(f"{head}\r\n".encode())
            self._socket.sendall(body)
        return self._answer(expected)

    def _answer(self, expected: int) -> bytes:
        got = b""
        while _END not in got:
            count = self._socket.recv_into(self._view)
            if not count:
                raise ConnectionError("the registry closed the connection")
            got += self._view[:count]
        headers, _, begun = got.partition(_END)
        status = int(headers[9:12])
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", headers)
        left = int(length[1]) - len(begun) if length else 0
        while left:
            count = self._socket.recv_into(self._view)
            if not count:
                raise ConnectionError("the registry closed the connection")
            left -= count
        if status != expected:
            raise ConnectionError(f"status {status} where {expected} was expected: {got[:500]!r}")
        return headers


def blob(number: int, size: int) -> bytes:
    """The blob of that number: the same bytes each time, and unlike those of every other number."""
    piece = random.Random(number).randbytes(min(size, _BLOCK))
    return (piece * -(-size // len(piece)))[:size]


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def put(connection: _Connection, repository: str, name: str, body: bytes) -> None:
    """Upload a blob: begin, then everything in one request."""
    headers = connection.ask("POST", f"/v2/{repository}/blobs/uploads/", 202)
    found = re.search(rb"(?i)\r\nlocation: *([^\r]+)", headers)
    assert found is not None
    location = found[1].decode()
    path = "/" + location.split("/", 3)[3] if location.startswith("http") else location
    connection.ask("PUT", f"{path}{'&' if '?' in path else '?'}digest={name}", 201, body)


def get(connection: _Connection, repository: str, name: str, _: bytes) -> None:
    """Fetch a blob."""
    connection.ask("GET", f"/v2/{repository}/blobs/{name}", 200)


def main() -> None:
    work, host, repository = sys.argv[1:4]
    clients, count, size = map(int, sys.argv[4:7])
    step: Callable[[_Connection, str, str, bytes], None] = put if work == "put" else get
    bodies = [blob(number, size) for number in range(count)]
    todo = [(digest(body), body) for body in bodies]
    connections = [_Connection(host) for _ in range(clients)]

    def one_client(number: int) -> None:
        for name, body in todo[number::clients]:
            step(connections[number], repository, name, body)

    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one_client, range(clients)))
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main()
