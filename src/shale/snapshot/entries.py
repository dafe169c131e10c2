"""The entries of a layer's tar, read from a file or a stream; bodies are passed over, or read on their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from shale.layer.field import TruncatedTar
from shale.layer.header import Header
from shale.layer.scan import TarScan
from shale.snapshot.facts import Source

__all__ = ["Bodies", "OpenTar", "read_entries"]

OpenTar = Callable[[], BinaryIO]
"""Opens a layer's tar anew, at its first byte; what it gives is closed by whoever asked for it."""

_PIECE: Final = 1 << 18
_SEEK: Final = 1 << 16
"""Bytes from which on it is quicker to seek than to read."""


def read_entries(tar: OpenTar, on_entry: Callable[[Header, int], None]) -> None:
    """Have `on_entry` called with every entry, and where its bytes begin.

    Raises:
        InvalidTar: it is no archive.
        Exception: what `on_entry` raises.
    """
    scan = TarScan(lambda header: on_entry(header, scan.position))
    with tar() as stream:
        seekable = stream.seekable()
        while not scan.ended:
            piece = stream.read(_PIECE)
            if not piece:
                break
            scan.feed(piece)
            if seekable and scan.skippable > _SEEK:
                stream.seek(scan.skippable, 1)
                scan.skip(scan.skippable)
    scan.close()


class Bodies:
    """The bytes of files of one layer, read in the order in which they stand.

    Args:
        stream: the layer's tar, at its first byte.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._seekable = stream.seekable()
        self._at = 0

    def read(self, source: Source, size: int) -> Iterator[bytes]:
        """The bytes of a file, holes as zeros, in pieces of at most 256 KiB.

        Args:
            source: where they stand; not before what was read last.
            size: of the file.

        Raises:
            TruncatedTar: the tar ends before.
        """
        self._go_to(source.at)
        written = 0
        for offset, length in source.extents or ((0, source.stored),):
            yield from _zeros(offset - written)
            yield from self._take(length)
            written = offset + length
        yield from _zeros(size - written)

    def _go_to(self, position: int) -> None:
        if self._seekable:
            self._stream.seek(position)
            self._at = position
        else:
            for _ in self._take(position - self._at):
                pass

    def _take(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._stream.read(min(count, _PIECE))
            if not piece:
                raise TruncatedTar("it ends in the middle of a file", self._at)
            count -= len(piece)
            self._at += len(piece)
            yield piece


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, _PIECE))
        count -= _PIECE
