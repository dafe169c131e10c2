from __future__ import annotations

import hashlib
import random
import subprocess
import threading

import pytest

from shale.layer.compression import Compression, Decompressor
from shale.layer.compressor import compressor

NOISE = random.Random(5).randbytes(40_000)
CONTENT = b"".join(NOISE[number * 7 % 30_000 :][:5000] + b"%d text " % number * 90 for number in range(900))


def pack(
    compression: Compression, content: bytes, step: int, *, threads: int = 1, level: int | None = None
) -> bytes:
    writer = compressor(compression, level=level, threads=threads)
    out = bytearray()
    for at in range(0, len(content), step):
        for piece in writer.feed(content[at : at + step]):
            out += piece
    for piece in writer.finish():
        out += piece
    writer.close()
    return bytes(out)


def undo(content: bytes) -> tuple[bytes, Compression]:
    reader = Decompressor()
    out = b"".join(reader.feed(content)) + reader.close()
    return out, reader.compression


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("content", [b"", b"x", CONTENT[: 1 << 20], CONTENT], ids=len)
def test_what_is_written_is_read_back(compression: Compression, content: bytes) -> None:
    packed = pack(compression, content, 1 << 18)
    back, found = undo(packed)
    assert back == content
    assert found is (compression if content or compression is not Compression.NONE else Compression.NONE)


@pytest.mark.parametrize("compression", [Compression.GZIP, Compression.ZSTD])
def test_the_bytes_depend_on_neither_chunks_nor_threads(compression: Compression) -> None:
    assert len(CONTENT) > 4 << 20
    once = pack(compression, CONTENT, len(CONTENT))
    assert pack(compression, CONTENT, 10_007, threads=3) == once
    assert pack(compression, CONTENT, 1 << 20, threads=2) == once
    assert len(once) < len(CONTENT) / 2


def test_as_the_gzip_command_reads() -> None:
    packed = pack(Compression.GZIP, CONTENT, 1 << 20, threads=2)
    assert subprocess.run(["gzip", "-dc"], input=packed, check=True, capture_output=True).stdout == CONTENT
    assert packed[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_levels_are_heeded() -> None:
    for compression in (Compression.GZIP, Compression.ZSTD):
        fast, small = (pack(compression, CONTENT, 1 << 20, level=level) for level in (1, 9))
        assert len(small) < len(fast)
        assert hashlib.sha256(undo(small)[0]).digest() == hashlib.sha256(CONTENT).digest()


def test_a_stream_that_is_given_up_leaves_no_thread() -> None:
    before = threading.active_count()
    writer = compressor(Compression.GZIP, threads=2)
    assert b"".join(writer.feed(CONTENT))
    writer.close()
    assert threading.active_count() == before
