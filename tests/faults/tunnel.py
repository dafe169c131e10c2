"""A proxy that connects its clients to wherever they ask, spoken to in plain text or over TLS."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

_PATIENCE = 30.0
_BLOCK = 64 * 1024


class Tunnel:
    """Lives as long as its `with` block; the first line of every request is in `asked`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "a tunnel did not end"

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(_PATIENCE)
            with self._tls.wrap_socket(client, server_side=True) if self._tls else client as spoken:
                head = b""
                while b"\r\n\r\n" not in head and (more := spoken.recv(_BLOCK)):
                    head += more
                line = head.partition(b"\r\n")[0].decode()
                self.asked.append(line)
                host, _, port = line.split(" ")[1].rpartition(":")
                with socket.create_connection((host, int(port)), _PATIENCE) as server:
                    spoken.sendall(b"HTTP/1.1 200 Connected\r\nVia: 1.1 test\r\n\r\n")
                    _pass_on(spoken, server)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Bytes in both directions, until either side ends."""
    while True:
        waiting = isinstance(client, ssl.SSLSocket) and client.pending()
        ready = [client] if waiting else select.select([client, server], [], [], _PATIENCE)[0]
        if not ready:
            return
        for sock in ready:
            data = sock.recv(_BLOCK)
            if not data:
                return
            (server if sock is client else client).sendall(data)
