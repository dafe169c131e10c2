from __future__ import annotations

import struct

import pytest

from shale.layer.sparse import Extent
from shale.snapshot.erofs.chunks import ChunkPlan, plan_chunks, stored_chunks
from shale.snapshot.erofs.nodes import Scattered


def assembled(file: Scattered, tar: bytes, place: int) -> bytes:
    """The file as the kernel reads it: by the map, from what is stored."""
    plan = plan_chunks(file)
    stored = b"".join(stored_chunks(file, plan, lambda at, length: tar[at : at + length]))
    assert len(stored) == plan.stored
    content = b""
    for (block,) in struct.iter_unpack("<I", plan.map(place)):
        at = (block - place) * 512
        content += bytes(plan.chunk) if block == 0xFFFFFFFF else stored[at : at + plan.chunk]
    return content[: file.size]


@pytest.mark.parametrize(
    ("extents", "size"),
    [
        ([], 5000),
        ([(0, 1)], 5000),
        ([(0, 5000)], 5000),
        ([(4999, 1)], 5000),
        ([(510, 4), (514, 0), (2000, 100)], 5000),
        ([(at * 3000, 7) for at in range(90)], 300_000),
    ],
)
def test_a_file_is_put_together_from_its_chunks(extents: list[tuple[int, int]], size: int) -> None:
    tar = bytes(at % 255 + 1 for at in range(6000))
    wanted = bytearray(size)
    at = 700
    for offset, length in extents:
        wanted[offset : offset + length] = tar[at : at + length]
        at += length
    file = Scattered(700, size, [Extent(*extent) for extent in extents])
    assert assembled(file, tar, 1234) == wanted


def test_the_cheapest_size_is_taken() -> None:
    def cost(plan: ChunkPlan) -> int:
        return plan.stored + plan.map_size

    assert plan_chunks(Scattered(0, 4096, [Extent(0, 512)])).power == 0
    wide = plan_chunks(Scattered(0, 1 << 40, [Extent(0, 1), Extent(1 << 39, 1)]))
    assert cost(wide) < 8 << 20
    assert wide.map_size <= 4 << 20


def test_a_file_of_all_bytes_that_linux_takes_has_a_map() -> None:
    plan = plan_chunks(Scattered(0, 2**63 - 1, []))
    assert (plan.stored, plan.map_size) == (0, 32 << 20)
