"""Where the body of an answer ends (RFC 9112 section 6)."""

from __future__ import annotations

from typing import Final, Protocol

from shale.registry.client.failures import BadAnswer, ConnectionCut, printable
from shale.registry.client.head import Head
from shale.registry.client.wire import Channel, Pace

__all__ = ["Framing", "framing_of"]

_MOST_TRAILERS: Final = 100
_LONGEST_SIZE: Final = 16
"""Hexadecimal digits of a chunk's size: more would be more bytes than there are."""


class Framing(Protocol):
    """Reads one body."""

    @property
    def is_over(self) -> bool:
        """Whether the body has been read to its end, and another answer may follow."""

    def read(self, channel: Channel, pace: Pace, limit: int) -> bytes:
        """The next bytes as they came; empty at the end.

        Raises:
            ConnectionCut, TransferStalled: see there.
        """


class _Sized:
    """A body whose length was said beforehand."""

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def is_over(self) -> bool:
        return self._left == 0

    def read(self, channel: Channel, pace: Pace, limit: int) -> bytes:
        if not self._left:
            return b""
        found = channel.read(min(limit, self._left), pace)
        self._left -= len(found)
        if not found:
            raise _incomplete(channel)
        return found


class _Chunked:
    """A body that comes in chunks, each with its length (RFC 9112 section 7.1)."""

    is_over = False

    def __init__(self) -> None:
        self._left = 0
        self._begun = False

    def read(self, channel: Channel, pace: Pace, limit: int) -> bytes:
        if self.is_over:
            return b""
        if not self._left:
            self._left = self._next_size(channel, pace)
            if not self._left:
                self._pass_trailers(channel, pace)
                self.is_over = True
                return b""
        found = channel.read(min(limit, self._left), pace)
        self._left -= len(found)
        if not found:
            raise _incomplete(channel)
        return found

    def _next_size(self, channel: Channel, pace: Pace) -> int:
        if self._begun and channel.line(pace):
            raise BadAnswer(f"{channel.where}: a chunk of its answer is longer than it says")
        self._begun = True
        text = channel.line(pace).partition(b";")[0].strip(b" \t")
        if not text or len(text) > _LONGEST_SIZE or text.strip(b"0123456789abcdefABCDEF"):
            said = printable(text[:40].decode("latin-1"))
            raise BadAnswer(f"{channel.where}: a chunk of its answer has the length {said!r}")
        return int(text, 16)

    def _pass_trailers(self, channel: Channel, pace: Pace) -> None:
        for _ in range(_MOST_TRAILERS):
            if not channel.line(pace):
                return
        raise BadAnswer(f"{channel.where}: the end of its answer does not end")


class _UntilClose:
    """A body that ends with the connection."""

    is_over = False

    def read(self, channel: Channel, pace: Pace, limit: int) -> bytes:
        return channel.read(limit, pace)


def framing_of(method: str, head: Head, where: str) -> Framing:
    """How to read the body of an answer.

    Args:
        method: of the request.
        head: of the answer.
        where: whose answer it is, for errors.

    Raises:
        BadAnswer: it says that its body is sent in a way that nobody asked for, or contradicts itself.
    """
    if method == "HEAD" or head.status in (204, 304):
        return _Sized(0)
    coding = head.headers.get("transfer-encoding", "").strip().lower()
    if coding == "chunked":
        return _Chunked()
    if coding not in ("", "identity"):
        raise BadAnswer(f"{where} sends its answer as {printable(coding, 40)!r}, which nobody asked for")
    lengths = {value.strip() for value in head.headers.get("content-length", "").split(",")}
    if lengths == {""}:
        return _UntilClose()
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdecimal()) or len(length) > 100:
        raise BadAnswer(f"{where} contradicts itself about the length of its answer")
    return _Sized(int(length))


def _incomplete(channel: Channel) -> ConnectionCut:
    return ConnectionCut(f"{channel.where} ended the connection: the answer is incomplete")
