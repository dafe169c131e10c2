"""One connection to one place: a request goes out, its answer comes back, and then perhaps the next one."""

from __future__ import annotations

import errno
import select
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from shale.registry.client.breakage import breakage
from shale.registry.client.framing import framing_of
from shale.registry.client.head import Head, read_head, request_head
from shale.registry.client.wire import Channel, Pace

__all__ = ["Answer", "Connection"]

_SMALL: Final = 64 * 1024
"""A body of so many bytes goes out together with the head."""
_GONE: Final = (errno.EPIPE, errno.ECONNRESET)


class Connection:
    """A connection; it answers one request at a time.

    Args:
        channel: its bytes.
        give_back: told when an answer was read to its end, and the connection may be used again.
    """

    def __init__(self, channel: Channel, give_back: Callable[[Connection], None]) -> None:
        self.channel = channel
        self.give_back = give_back

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes | memoryview] | None,
        patience: float,
    ) -> Answer:
        """Send a request and read the head of its answer.

        Args:
            method: GET, HEAD, and so on.
            target: what stands in the first line.
            headers: all of them; the length of a body that is not bytes among them.
            body: what to send.
            patience: seconds to wait for the answer.

        Raises:
            Transient: the connection failed; it is of no use any more.
            BadAnswer: what came is not HTTP as it should be.
            Stopped: cancelled.
        """
        channel = self.channel
        pace = channel.pace(patience)
        failure = self._send(request_head(method, target, headers), body)
        try:
            head = read_head(lambda: channel.line(pace), channel.where)
        except Exception:
            if failure is not None:
                raise breakage(failure, channel.where) from failure
            raise
        pace.go_on()
        return Answer(self, method, head, pace, keep=failure is None)

    def _send(self, head: bytes, body: bytes | Iterable[bytes | memoryview] | None) -> OSError | None:
        """Send everything; the failure where the other side, having perhaps answered, stopped listening."""
        try:
            if isinstance(body, bytes) and len(body) <= _SMALL:
                self.channel.send(head + body)
                return None
            self.channel.send(head)
            for part in [body] if isinstance(body, bytes) else body or ():
                self.channel.send(part)
        except OSError as error:
            if error.errno not in _GONE:
                raise breakage(error, self.channel.where) from error
            return error
        return None

    @property
    def is_fresh(self) -> bool:
        """Whether nothing came while nobody listened: neither bytes that nobody asked for nor the end."""
        poll = select.poll()
        poll.register(self.channel.socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close it."""
        self.channel.close()


class Answer:
    """An answer whose body has not been read."""

    def __init__(self, connection: Connection, method: str, head: Head, pace: Pace, *, keep: bool) -> None:
        self.head = head
        self._connection = connection
        self._pace = pace
        self._framing = framing_of(method, head, connection.channel.where)
        self._keep = keep and _may_be_kept(head)
        self._held = True
        self._settle()

    def read(self, limit: int) -> bytes:
        """The next bytes of the body as they came; empty at its end.

        Raises:
            ConnectionCut, TransferStalled, BadAnswer: see there.
            Stopped: cancelled.
        """
        if not self._held:
            return b""
        found = self._framing.read(self._connection.channel, self._pace, limit)
        self._settle()
        return found

    def _settle(self) -> None:
        """Give the connection back when the body is over."""
        if not self._framing.is_over:
            return
        if self._keep and not self._connection.channel.has_unread:
            self._held = False
            self._connection.give_back(self._connection)
        else:
            self.close()

    def close(self) -> None:
        """Cut the connection, unless it was given back."""
        if self._held:
            self._held = False
            self._connection.close()


def _may_be_kept(head: Head) -> bool:
    """Whether the connection may be used again (RFC 9112 sections 6.1 and 9.3)."""
    if "transfer-encoding" in head.headers and "content-length" in head.headers:
        return False
    options = {option.strip().lower() for option in head.headers.get("connection", "").split(",")}
    return "close" not in options and (head.minor > 0 or "keep-alive" in options)
