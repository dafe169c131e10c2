"""What every decoder of a compressed stream shares: its port, its errors, its steps.

A compressed stream is a row of frames (gzip calls them members). A decoder takes bytes as they come and
gives the decompressed ones in pieces of bounded size, so that a bomb is noticed before it has grown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from shale.errors import Corrupt, Exhausted

__all__ = ["FIRST_STEP", "LARGEST_STEP", "PIECE", "CorruptStream", "Decoder", "OutputLimit"]

PIECE: Final = 1 << 20
"""The most bytes that a decoder gives at once."""

FIRST_STEP: Final = 1 << 12
LARGEST_STEP: Final = 1 << 18
"""Bytes of input that are handed over at once: few at the beginning of a frame, twice as many each time.

What a frame leaves over is copied by the libraries, so a chunk of many tiny frames handed over whole would
be copied as often as it has frames.
"""


class CorruptStream(Corrupt):
    """A compressed stream is damaged, cut off, or followed by something else."""


class OutputLimit(Exhausted):
    """A stream decompresses to more bytes than it may.

    Attributes:
        limit: bytes.
    """

    limit: int

    def __init__(self, limit: int) -> None:
        super().__init__(f"the stream decompresses to more than the {limit} bytes that are allowed")
        self.limit = limit


class Decoder(Protocol):
    """One kind of compression, undone."""

    def feed(self, chunk: memoryview) -> Iterator[bytes | memoryview]:
        """Take input, and give output in pieces of at most PIECE bytes; to be iterated to the end.

        Raises:
            CorruptStream: the input is damaged.
        """

    def close(self) -> None:
        """Say that the input has ended.

        Raises:
            CorruptStream: it was cut off.
        """
