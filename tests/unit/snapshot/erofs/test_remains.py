from __future__ import annotations

import pytest

from shale.snapshot.erofs.remains import Remains


@pytest.mark.parametrize("piece", [1, 100, 511, 512, 513, 4096])
def test_bytes_behind_a_file_are_found_however_the_tar_is_cut(piece: int) -> None:
    files = [(512, 600), (1536, 2047), (2560, 2561), (3584, 3700)]
    tar = bytearray(4096)
    for begin, end in files:
        tar[begin:end] = b"x" * (end - begin)
    tar[1023] = tar[2047] = tar[2561] = 1
    watch = Remains()
    for at in range(0, len(tar), piece):
        for begin, end in files:
            if at <= begin < at + piece:
                watch.expect(begin, end)
        watch.look(memoryview(tar)[at : at + piece], at)
    assert watch.found == {512, 1536, 2560}
