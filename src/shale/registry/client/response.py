"""An answer, read in bounded steps."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from shale.registry.client.connection import Answer
from shale.registry.client.failures import AnswerTooLarge, Transient

__all__ = ["Response"]

BLOCK: Final = 256 * 1024
"""Bytes asked for at once: larger ones cost page faults, smaller ones system calls (measured)."""
_DRAIN: Final = 16 * 1024


class Response:
    """An answer whose body has not been read; use it as a context manager."""

    def __init__(self, answer: Answer, url: str) -> None:
        self._answer = answer
        self._headers = answer.head.headers
        self.url = url
        self.status = answer.head.status

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        return self._headers.get(name, "")

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a header that may come several times."""
        return self._headers.all(name)

    def read_some(self) -> bytes:
        """The next bytes of the body as they came; empty at its end.

        Raises:
            ConnectionCut, TransferStalled, BadAnswer: see there.
        """
        return self._answer.read(BLOCK)

    def read_bounded(self, limit: int, what: str) -> bytes:
        """The whole body.

        Raises:
            AnswerTooLarge: more than `limit` bytes; no more than that were read.
            ConnectionCut, TransferStalled: see there.
        """
        parts, size = [], 0
        while part := self.read_some():
            size += len(part)
            if size > limit:
                raise AnswerTooLarge(f"{what} has more than the {limit} bytes that are accepted")
            parts.append(part)
        return b"".join(parts)

    def read_prefix(self, limit: int) -> bytes:
        """The beginning of the body, for an error message; a connection cut meanwhile is no matter."""
        found = b""
        try:
            while len(found) < limit and (part := self.read_some()):
                found += part
        except Transient:
            pass
        return found[:limit]

    def close(self) -> None:
        """Give the connection back, where a short rest makes that possible; else cut it."""
        length = self.header("content-length")
        try:
            if length.isdecimal() and int(length) <= _DRAIN:
                self.read_prefix(_DRAIN + 1)
        finally:
            self._answer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
