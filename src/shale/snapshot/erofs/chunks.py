"""Sparse files: cut into chunks of one size, of which those without bytes take no room.

A chunk is 512 bytes times a power of two. Small ones need a long map, large ones store zeros beside the
bytes: the size is chosen that needs least of both.

Specification: Linux fs/erofs/erofs_fs.h, chunk-based inodes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from shale.layer.sparse import Extent
from shale.snapshot.erofs.layout import BLOCK
from shale.snapshot.erofs.nodes import Scattered

__all__ = ["ChunkPlan", "plan_chunks", "stored_chunks"]

_MOST_POWER: Final = 31
_MOST_MAP: Final = 32 << 20
"""Bytes of the map of one file."""
_HOLE: Final = b"\xff\xff\xff\xff"
_PIECE: Final = 1 << 20


class ChunkPlan(msgspec.Struct, frozen=True):
    """How a sparse file is cut.

    Attributes:
        power: a chunk has 512 << power bytes.
        size: of the file.
        runs: of chunks with bytes in them: the first, and the one after the last; in order, apart.
    """

    power: int
    size: int
    runs: tuple[tuple[int, int], ...]

    @property
    def chunk(self) -> int:
        """Bytes of one chunk."""
        return BLOCK << self.power

    @property
    def stored(self) -> int:
        """Bytes of the chunks that are stored."""
        return sum(end - begin for begin, end in self.runs) * self.chunk

    @property
    def map_size(self) -> int:
        """Bytes of the map."""
        return 4 * -(-self.size // self.chunk)

    def map(self, place: int) -> bytes:
        """Where each chunk is.

        Args:
            place: block where the stored chunks begin, one run after the other.
        """
        blocks = 1 << self.power
        parts, at = [], 0
        for begin, end in self.runs:
            parts.append(_HOLE * (begin - at))
            count = end - begin
            parts.append(struct.pack(f"<{count}I", *range(place, place + count * blocks, blocks)))
            place += count * blocks
            at = end
        parts.append(_HOLE * (self.map_size // 4 - at))
        return b"".join(parts)


def plan_chunks(file: Scattered) -> ChunkPlan:
    """The cheapest way to cut a sparse file."""
    plans = [
        ChunkPlan(power, file.size, _runs(file.extents, BLOCK << power))
        for power in range(_MOST_POWER + 1)
        if 4 * -(-file.size // (BLOCK << power)) <= _MOST_MAP
    ]
    return min(plans, key=lambda plan: (plan.stored + plan.map_size, plan.power))


def _runs(extents: Sequence[Extent], chunk: int) -> tuple[tuple[int, int], ...]:
    """The runs of chunks that the extents, which are in order, touch."""
    runs: list[tuple[int, int]] = []
    for offset, length in extents:
        if not length:
            continue
        begin, end = offset // chunk, (offset + length - 1) // chunk + 1
        if runs and begin <= runs[-1][1]:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((begin, end))
    return tuple(runs)


def stored_chunks(file: Scattered, plan: ChunkPlan, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
    """The bytes of the stored chunks, in pieces of at most 1 MiB.

    Args:
        file: the file.
        plan: how it is cut.
        read: gives bytes of the tar, by offset and length.
    """
    runs = iter(plan.runs)
    at = end = 0
    source = file.begin
    for offset, length in file.extents:
        if not length:
            continue
        while offset >= end:
            yield from _zeros(end - at)
            begin, after = next(runs)
            at, end = begin * plan.chunk, after * plan.chunk
        yield from _zeros(offset - at)
        for done in range(0, length, _PIECE):
            yield read(source + done, min(_PIECE, length - done))
        source += length
        at = offset + length
    yield from _zeros(end - at)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, _PIECE))
        count -= _PIECE
