"""Sockets whose every wait is bounded and can be cancelled.

A plain socket timeout bounds one wait, so a server that sends a byte every ten seconds holds a client for
ever. Here each wait is cut into slices (to notice a cancellation), and over every `stall` seconds of waiting
at least `MIN_PROGRESS` bytes must move, headers included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import msgspec

from shale.registry.client.breakage import breakage
from shale.registry.client.cancel import SLICE, Cancellation
from shale.registry.client.failures import ConnectionCut

__all__ = ["Channel", "Pace", "Socket", "Wire"]

MIN_PROGRESS: Final = 1024
"""Bytes that must move per stall period."""
_LONGEST_HEAD: Final = 1024 * 1024
_BUFFER: Final = 16 * 1024

T = TypeVar("T")


class Wire(msgspec.Struct, frozen=True):
    """What every connection of one transport shares.

    Attributes:
        cancel: stops all of them.
        connect: seconds for a connection to come about.
        stall: seconds of waiting within which some bytes must be sent.
    """

    cancel: Cancellation
    connect: float
    stall: float


class Socket(Protocol):
    """What a channel needs of a socket, of one with TLS, and of TLS within TLS."""

    def recv(self, limit: int, /) -> bytes:
        """The next bytes; empty at the end. TimeoutError after the timeout."""

    def send(self, data: memoryview, /) -> int:
        """Take some of the bytes, and say how many. TimeoutError after the timeout."""

    def gettimeout(self) -> float | None:
        """Seconds that a wait may take."""

    def settimeout(self, seconds: float, /) -> None:
        """Change that."""

    def fileno(self) -> int:
        """The descriptor to wait on."""

    def close(self) -> None:
        """Let go of it."""


class Pace:
    """Counts time spent waiting against bytes that moved."""

    __slots__ = ("_allowed", "_bytes", "_cancel", "_head", "_waited")

    def __init__(self, cancel: Cancellation, allowed: float, *, head: bool = False) -> None:
        """Begin to count.

        Args:
            cancel: ends every wait.
            allowed: seconds of waiting per period.
            head: whether a head is read first: all of it has one period, however many bytes move.
        """
        self._cancel = cancel
        self._allowed = allowed
        self._waited = 0.0
        self._bytes = 0
        self._head = head

    @property
    def is_endless(self) -> bool:
        """Whether the head is longer than any head is: also where a server says 100 Continue for ever."""
        return self._head and self._bytes > _LONGEST_HEAD

    def go_on(self) -> None:
        """The head is over: from here on only the pace counts."""
        self._head, self._waited, self._bytes = False, 0.0, 0

    def receive(self, sock: Socket, limit: int) -> bytes:
        """Do one receive, in slices; empty at the end.

        Raises:
            TimeoutError: too little moved for too long.
            Stopped: cancelled.
        """
        return self._move(sock, lambda: sock.recv(limit), len)

    def send(self, sock: Socket, data: memoryview) -> int:
        """Do one send, in slices; errors as `receive`."""
        return self._move(sock, lambda: sock.send(data), int)

    def _move(self, sock: Socket, step: Callable[[], T], size: Callable[[T], int]) -> T:
        patience = min(SLICE, self._allowed)
        while True:
            self._cancel.check()
            if sock.gettimeout() != patience:
                sock.settimeout(patience)
            begun = time.monotonic()
            try:
                moved = step()
            except TimeoutError:
                self._count(begun, None)
            else:
                self._count(begun, size(moved))
                return moved

    def _count(self, begun: float, moved: int | None) -> None:
        self._waited += time.monotonic() - begun
        self._bytes += moved or 0
        if self._waited >= self._allowed:
            if (self._head or self._bytes < MIN_PROGRESS) and moved != 0:
                raise TimeoutError("timed out")
            self._waited, self._bytes = 0.0, 0


class Channel:
    """The bytes of one connection, to and fro; not safe to use from several threads at once."""

    __slots__ = ("_at", "_buffer", "_wire", "socket", "where")

    def __init__(self, sock: Socket, wire: Wire, where: str) -> None:
        """Speak over a socket.

        Args:
            sock: connected; closed by `close`.
            wire: bounds of every wait.
            where: the origin at the other end, for errors.
        """
        self.socket = sock
        self.where = where
        self._wire = wire
        self._buffer = b""
        self._at = 0

    def pace(self, patience: float) -> Pace:
        """The pace of one answer, its head first.

        Args:
            patience: seconds to wait for it.
        """
        return Pace(self._wire.cancel, patience, head=True)

    def send(self, data: bytes | memoryview) -> None:
        """Send all of some bytes.

        Raises:
            Transient: the other side is gone, or does not take them.
            OSError: it closed the connection, perhaps after an answer that explains why.
        """
        view, pace = memoryview(data), Pace(self._wire.cancel, self._wire.stall)
        while view:
            view = view[pace.send(self.socket, view) :]

    def read(self, limit: int, pace: Pace) -> bytes:
        """The next bytes, as they came; empty at the end.

        Raises:
            ConnectionCut, TransferStalled: see there.
        """
        if self._at == len(self._buffer):
            return self._receive(limit, pace)
        found = self._buffer[self._at : self._at + limit]
        self._at += len(found)
        return found

    def line(self, pace: Pace) -> bytes:
        """The next line, without its end (RFC 9112 section 2.2).

        Raises:
            ConnectionCut: the connection, or our patience with a long head, ends before the line does.
            TransferStalled: see there.
        """
        searched = self._at
        while (end := self._buffer.find(b"\n", searched)) < 0:
            rest = self._buffer[self._at :]
            more = self._receive(_BUFFER, pace)
            if not more:
                reason = "the answer is incomplete" if rest else "it said nothing more"
                raise ConnectionCut(f"{self.where} ended the connection: {reason}")
            if pace.is_endless:
                raise ConnectionCut(f"{self.where}: the head of its answer does not end")
            if len(rest) > _BUFFER * 4:
                raise ConnectionCut(f"{self.where}: a line of its answer does not end")
            searched, self._buffer, self._at = len(rest), rest + more, 0
        line = self._buffer[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r")

    def _receive(self, limit: int, pace: Pace) -> bytes:
        try:
            return pace.receive(self.socket, limit)
        except OSError as error:
            raise breakage(error, self.where) from error

    @property
    def has_unread(self) -> bool:
        """Whether bytes came that nobody asked for."""
        return self._at != len(self._buffer)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
