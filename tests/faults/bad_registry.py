"""A registry that does what a test's script says, over raw sockets, so that it can break every rule of HTTP.

    with BadRegistry() as registry:
        registry.script("GET", "/v2/app/blobs/sha256:...", Reply(body=data, cut_at=100), Content(data))

Each step answers one request; the last one answers all further requests. What was asked is in `seen`.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

_MAX_HEAD = 64 * 1024
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, and how to go wrong with it."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int | None = None
    """What Content-Length says; the body's where None; nothing at all where negative."""
    chunked: bool = False
    cut_at: int | None = None
    """Bytes of the body after which the connection ends."""
    reset: bool = False
    """Whether it ends with a reset (RST) and not in order (FIN)."""
    stall_at: int | None = None
    """Bytes of the body after which nothing more comes, while the connection stays open."""
    drip: float = 0.0
    """Seconds between single bytes, of the head and of the body."""
    endless: bool = False
    """Whether the body is repeated until nobody wants it any more."""
    raw: bytes | None = None
    """What to send instead of an HTTP answer."""
    read_limit: int | None = None
    """Bytes of the request's body to read; then the connection is cut without an answer."""

    def head(self, *, empty: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Scripted"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name != "Www-Authenticate-2"]
        if "Www-Authenticate-2" in self.headers:
            lines.append(f"WWW-Authenticate: {self.headers['Www-Authenticate-2']}")
        length = self.length if self.length is not None else len(self.body)
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif length >= 0 and (not empty or self.status not in (204, 304)):
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


Step = Reply | Callable[[Seen], Reply]


def as_json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode())


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer with an error body of the specification."""
    return as_json({"errors": [{"code": code, "message": message}]}, status, headers)


@dataclass(frozen=True, slots=True)
class Content:
    """A step that serves bytes as a good registry does, ranges included; its faults can be set."""

    data: bytes
    etag: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    reset: bool = False
    stall_at: int | None = None

    def __call__(self, seen: Seen) -> Reply:
        headers = dict(self.headers)
        if self.etag:
            headers["ETag"] = self.etag
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.headers.get("range", ""))
        unchanged = seen.headers.get("if-range", self.etag) == self.etag
        status, body = 200, self.data
        if wanted and unchanged:
            first = int(wanted[1])
            if first >= len(self.data):
                return Reply(416, {"Content-Range": f"bytes */{len(self.data)}"})
            status, body = 206, self.data[first:]
            headers["Content-Range"] = f"bytes {first}-{len(self.data) - 1}/{len(self.data)}"
        return Reply(status, headers, body, cut_at=self.cut_at, reset=self.reset, stall_at=self.stall_at)


class BadRegistry:
    """A server on a loopback port that the kernel chooses; it lives as long as its `with` block."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._tls = tls
        self._steps: dict[tuple[str, str], list[Step]] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"

    def script(self, method: str, path: str, *steps: Step) -> None:
        """What to answer to requests with this method and path (without query)."""
        with self._lock:
            self._steps[method, path] = list(steps)

    def requests(self, method: str, path: str | None = None) -> list[Seen]:
        """The requests so far with this method, and this path where given."""
        with self._lock:
            return [each for each in self.seen if each.method == method and path in (None, each.path)]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets, threads = tuple(self._open), tuple(self._threads)
        for each in sockets:
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "a scripted connection did not end"

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        spoken = connection
        try:
            connection.settimeout(_PATIENCE)
            if self._tls is not None:
                spoken = self._tls.wrap_socket(connection, server_side=True)
                with self._lock:
                    self._open.add(spoken)
            with spoken.makefile("rb") as reader:
                while not self._closing.is_set() and self._exchange(spoken, reader):
                    pass
        except OSError:
            pass  # the client went away, or is not meant to understand us
        finally:
            with self._lock:
                self._open -= {connection, spoken}
            with suppress(OSError):
                socket.socket.shutdown(spoken, socket.SHUT_RDWR)
            spoken.close()

    def _exchange(self, connection: socket.socket, reader: Any) -> bool:
        """One request and its answer; whether the connection goes on."""
        head = _read_head(reader)
        if head is None:
            return False
        method, target, headers = head
        step = self._next_step(method, target)
        limit = step.read_limit if isinstance(step, Reply) else None
        body = _read_body(reader, headers, limit)
        seen = Seen(method, target, headers, body)
        with self._lock:
            self.seen.append(seen)
        if limit is not None:
            _reset(connection)
            return False
        reply = step if isinstance(step, Reply) else step(seen)
        return self._send(connection, reply, empty=method == "HEAD")

    def _next_step(self, method: str, target: str) -> Step:
        with self._lock:
            steps = self._steps.get((method, target.partition("?")[0]))
            if not steps:
                return error(404, "NOT_SCRIPTED", f"nothing is scripted for {method} {target}")
            return steps.pop(0) if len(steps) > 1 else steps[0]

    def _send(self, connection: socket.socket, reply: Reply, *, empty: bool) -> bool:
        if reply.raw is not None:
            connection.sendall(reply.raw)
            return False
        self._write(connection, reply.head(empty=empty), reply.drip)
        if empty:
            return True
        body = _chunked(reply.body) if reply.chunked else reply.body
        end = min(each for each in (reply.cut_at, reply.stall_at, len(body)) if each is not None)
        self._write(connection, body[:end], reply.drip)
        while reply.endless and not self._closing.is_set():
            connection.sendall(reply.body)
        if reply.stall_at is not None:
            self._closing.wait(_PATIENCE)
            return False
        if reply.cut_at is not None:
            if reply.reset:
                _reset(connection)
            return False
        return reply.length is None

    def _write(self, connection: socket.socket, data: bytes, drip: float) -> None:
        if not drip:
            connection.sendall(data)
            return
        for position in range(len(data)):
            connection.sendall(data[position : position + 1])
            if self._closing.wait(drip):
                return


def _read_head(reader: Any) -> tuple[str, str, dict[str, str]] | None:
    if reader.peek(1)[:1] == b"\x16":  # a TLS handshake: nothing for us
        return None
    first = reader.readline(_MAX_HEAD).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    for line in iter(lambda: reader.readline(_MAX_HEAD).decode("latin-1").strip(), ""):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return first[0], first[1], headers


def _read_body(reader: Any, headers: Mapping[str, str], limit: int | None) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        parts: list[bytes] = []
        while size := int(reader.readline(), 16):
            parts.append(reader.read(size))
            reader.readline()
        reader.readline()
        return b"".join(parts)
    length = int(headers.get("content-length", "0"))
    return bytes(reader.read(length if limit is None else min(length, limit)))


def _chunked(body: bytes, size: int = 1000) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _reset(connection: socket.socket) -> None:
    """End the connection with RST: what was sent last may be lost, as when a machine dies."""
    time.sleep(0.01)  # what was sent before should arrive
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
