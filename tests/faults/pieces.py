"""A socket that gives bytes in pieces of any size, and stops taking them when it is told to."""

from __future__ import annotations

from shale.registry.client.cancel import Cancellation
from shale.registry.client.wire import Channel, Wire

WHERE = "http://registry.test"


class Pieces:
    """Stands where a socket would; what was sent is in `sent`."""

    def __init__(self, data: bytes, size: int = 1 << 20, *, takes: int | None = None) -> None:
        """Prepare.

        Args:
            data: what comes, and then the end.
            size: bytes of a piece at the most.
            takes: bytes after which it is broken for whoever sends; None for never.
        """
        self.sent = b""
        self.closed = False
        self._data = data
        self._size = size
        self._takes = takes

    def recv(self, limit: int) -> bytes:
        count = min(limit, self._size)
        found, self._data = self._data[:count], self._data[count:]
        return found

    def send(self, data: memoryview) -> int:
        if self._takes is not None and len(self.sent) >= self._takes:
            raise BrokenPipeError(32, "Broken pipe")
        self.sent += data
        return len(data)

    def gettimeout(self) -> float | None:
        return None

    def settimeout(self, seconds: float) -> None: ...

    def fileno(self) -> int:
        raise AssertionError("nobody waits for a socket that is none")

    def close(self) -> None:
        self.closed = True


def channel_of(pieces: Pieces) -> Channel:
    """A channel over it."""
    return Channel(pieces, Wire(Cancellation(), 5.0, 5.0), WHERE)
