"""The bytes of an upload: opened where they are needed, as often as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, Protocol, cast

import msgspec

from shale.errors import Corrupt

__all__ = ["Payload", "Progress", "ReadableAt", "SourceChanged"]

BLOCK: Final = 1024 * 1024

Progress = Callable[[int], None]


class ReadableAt(Protocol):
    """Opens the content at an offset; called again for every further try."""

    def __call__(self, offset: int, /) -> BinaryIO:
        """A binary stream with `readinto` that begins at this byte; the upload closes it."""


class _Readable(Protocol):
    def readinto(self, buffer: memoryview, /) -> int: ...


class SourceChanged(Corrupt):
    """The content to upload has fewer bytes than its descriptor says."""


class Payload(msgspec.Struct, frozen=True):
    """Bytes of the content from one offset to another, as a request's body."""

    open_at: ReadableAt
    first: int
    last: int
    progress: Progress

    @property
    def length(self) -> int:
        """Bytes in all."""
        return self.last - self.first

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes, in blocks that are good until the next one is asked for.

        Raises:
            SourceChanged: there are fewer than there should be.
        """
        buffer = memoryview(bytearray(min(BLOCK, max(self.length, 1))))
        position = self.first
        with self.open_at(self.first) as source:
            while position < self.last:
                count = cast("_Readable", source).readinto(buffer[: self.last - position])
                if not count:
                    raise SourceChanged(f"the content ended at byte {position}, expected {self.last}")
                yield buffer[:count]
                position += count
                self.progress(position)
