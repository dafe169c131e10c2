"""Content-Encoding that nobody asked for: undone where that is safe, refused otherwise (trials RF-10).

We ask for `identity`. Some proxies compress anyway, and some stores label a gzip layer's own bytes with
`Content-Encoding: gzip`; the descriptor's size tells the two apart.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from shale.registry.client.failures import BadAnswer, ConnectionCut, printable
from shale.registry.client.response import Response

__all__ = ["undo_encoding"]

_GZIP_WINDOW: Final = 31
_BLOCK: Final = 256 * 1024


def undo_encoding(response: Response, size: int, subject: str) -> Callable[[], bytes]:
    """A function that returns the next bytes of the content, empty at its end.

    Args:
        response: an answer with status 200 or 206.
        size: bytes of the content itself.
        subject: for errors.

    Raises:
        BadAnswer: an encoding other than gzip.
    """
    encoding = response.header("content-encoding").strip().lower()
    if encoding in ("", "identity") or response.header("content-length") == str(size):
        return response.read_some
    if encoding in ("gzip", "x-gzip"):
        return _Gunzip(response, subject).read
    raise BadAnswer(f"{subject}: came in the encoding {printable(encoding, 40)!r}, which was not asked for")


class _Gunzip:
    """Inflates a body in bounded steps."""

    def __init__(self, response: Response, subject: str) -> None:
        self._response = response
        self._subject = subject
        self._inflater = zlib.decompressobj(_GZIP_WINDOW)

    def read(self) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            BadAnswer: not gzip.
            ConnectionCut: the body ended within it.
        """
        while not self._inflater.eof:
            source = self._inflater.unconsumed_tail or self._response.read_some()
            if not source:
                raise ConnectionCut(f"{self._subject}: the compressed answer is incomplete")
            try:
                found = self._inflater.decompress(source, _BLOCK)
            except zlib.error as error:
                raise BadAnswer(f"{self._subject}: came labelled as gzip, but is not: {error}") from error
            if found:
                return found
        return b""
