from __future__ import annotations

import struct

import pytest

from shale.snapshot.erofs.listing import least_size, listing


def read_back(content: bytes) -> list[tuple[bytes, int, int]]:
    """The entries as the kernel reads them."""
    found = []
    for start in range(0, len(content), 512):
        block = content[start : start + 512]
        count = struct.unpack_from("<H", block, 8)[0] // 12
        heads = [struct.unpack_from("<QHB", block, 12 * at) for at in range(count)]
        ends = [head[1] for head in heads[1:]] + [len(block)]
        for (number, begin, kind), end in zip(heads, ends, strict=True):
            found.append((block[begin:end].rstrip(b"\0"), number, kind))
    return found


@pytest.mark.parametrize("count", [0, 1, 20, 33, 34, 35, 36, 1000])
@pytest.mark.parametrize("length", [1, 7, 100, 243, 244, 255])
def test_entries_are_read_back(count: int, length: int) -> None:
    names = sorted({b".", b"..", *(b"%0*d" % (length, at) for at in range(count) if at < 10**length)})
    entries = [(name, at * 2**33, at % 8) for at, name in enumerate(names)]
    content = listing(entries)
    assert read_back(content) == entries


def test_the_least_size_is_the_size_where_one_block_does() -> None:
    for count in range(20):
        names = {b"n" * at: None for at in range(1, count)}
        entries = [(name, 1, 1) for name in sorted([b".", b"..", *names])]
        if least_size(names) <= 512:
            assert len(listing(entries)) == least_size(names)
        else:
            assert len(listing(entries)) > 512
