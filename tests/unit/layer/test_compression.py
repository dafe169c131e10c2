from __future__ import annotations

import gzip
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress

import pytest

from shale.errors import Corrupt, Exhausted, Unsupported
from shale.layer.compression import Compression, CorruptStream, Decompressor, OutputLimit, detect
from shale.layer.frames import PIECE
from shale.layer.gunzip import GzipDecoder
from shale.layer.unzstd import WindowTooLarge, ZstdDecoder
from shared_vectors import VECTORS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FIXTURES = VECTORS / "c-image" / "compression-fixtures"
TEXT = b"".join(b"line %d of a text\n" % number for number in range(20_000))
NOISE = random.Random(7).randbytes(300_000)


def undo(content: bytes, step: int = 1 << 20, limit: int | None = None) -> bytes:
    reader = Decompressor(limit)
    out = bytearray()
    for at in range(0, len(content), step):
        for piece in reader.feed(content[at : at + step]):
            assert len(piece) <= PIECE
            out += piece
    out += reader.close()
    assert reader.produced == len(out)
    return bytes(out)


def gunzip(content: bytes, *, accelerated: bool, step: int = 1 << 20) -> bytes:
    decoder = GzipDecoder(accelerated=accelerated)
    out = b"".join(
        piece
        for at in range(0, len(content), step)
        for piece in decoder.feed(memoryview(content)[at : at + step])
    )
    decoder.close()
    return out


def frame(content: bytes) -> bytes:
    return zstd.compress(content, options={int(zstd.CompressionParameter.checksum_flag): 1})


SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"aside"


@pytest.mark.parametrize(
    ("name", "found"),
    [("Hello.gz", Compression.GZIP), ("Hello.zst", Compression.ZSTD), ("Hello.uncompressed", Compression.NONE)],
)
@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_fixtures(name: str, found: Compression, step: int) -> None:
    content = (FIXTURES / name).read_bytes()
    assert undo(content, step) == (FIXTURES / "Hello.uncompressed").read_bytes()
    assert detect(content) is found


@pytest.mark.parametrize("content", [b"", b"\x1f", b"\x1f\x8b", b"\x28\xb5\x2f", b"abc"])
def test_streams_too_short_to_tell(content: bytes) -> None:
    assert undo(content, 1) == content


@pytest.mark.parametrize("accelerated", [True, False])
@pytest.mark.parametrize("step", [1, 100, 1 << 20])
def test_gzip_members_in_a_row(accelerated: bool, step: int) -> None:
    members = [TEXT[:5000], b"", NOISE[:3000], b"x", TEXT[:100]]
    content = b"".join(gzip.compress(member) for member in members)
    assert gunzip(content, accelerated=accelerated, step=step) == b"".join(members)
    assert gunzip(content + bytes(1000), accelerated=accelerated, step=step) == b"".join(members)
    with pytest.raises(CorruptStream):
        gunzip(content + b"trailing", accelerated=accelerated, step=step)
    with pytest.raises(CorruptStream):
        gunzip(content + bytes(1000) + b"\1", accelerated=accelerated, step=step)


def with_header(flags: int, fields: bytes) -> bytes:
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\xff" + fields + gzip.compress(TEXT, mtime=0)[10:]


@pytest.mark.parametrize("accelerated", [True, False])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_gzip_headers_with_every_optional_field(accelerated: bool, step: int) -> None:
    fields = struct.pack("<H", 300) + b"e" * 300 + b"name\0" + b"comment\0"
    begun = b"\x1f\x8b\x08\x1e" + bytes(5) + b"\xff" + fields
    right = struct.pack("<H", zlib.crc32(begun) & 0xFFFF)
    assert gunzip(with_header(0x1E, fields + right), accelerated=accelerated, step=step) == TEXT
    with pytest.raises(CorruptStream, match="checksum of a gzip header"):
        gunzip(with_header(0x1E, fields + b"\0\0"), accelerated=accelerated, step=step)
    with pytest.raises(CorruptStream, match="not gzip"):
        gunzip(with_header(0x80, b""), accelerated=accelerated, step=step)


@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_gzip_headers_have_a_limit(step: int) -> None:
    with pytest.raises(CorruptStream, match="256 KiB"):
        undo(with_header(8, b"n" * 300_000 + b"\0"), step)
    assert undo(with_header(8, b"n" * 200_000 + b"\0"), step) == TEXT


@pytest.mark.parametrize("accelerated", [True, False])
def test_gzip_verifies_its_sum_and_length(accelerated: bool) -> None:
    content = gzip.compress(NOISE)
    for at in (-8, -5, -4, -1):
        damaged = bytearray(content)
        damaged[at] ^= 1
        with pytest.raises(CorruptStream):
            gunzip(bytes(damaged), accelerated=accelerated)


SMALL = {
    "gzip": gzip.compress(b"small " * 50) + gzip.compress(b"second"),
    "zstd": SKIPPABLE + frame(b"small " * 50) + SKIPPABLE + frame(b"second"),
}
WHOLE = {
    "gzip": {len(gzip.compress(b"small " * 50))},
    "zstd": {13, 13 + len(frame(b"small " * 50)), 26 + len(frame(b"small " * 50))},
}


@pytest.mark.parametrize("kind", SMALL)
def test_cut_off_at_every_byte(kind: str) -> None:
    content = SMALL[kind]
    assert undo(content) == b"small " * 50 + b"second"
    for end in range(4, len(content)):
        if end in WHOLE[kind]:
            assert len(undo(content[:end])) in (0, 300)
            continue
        with pytest.raises(CorruptStream):
            undo(content[:end])


@pytest.mark.parametrize("step", [1, 50, 1 << 20])
def test_zstd_frames_in_a_row(step: int) -> None:
    parts = [TEXT[:9000], b"", NOISE[:2000]]
    content = SKIPPABLE + b"".join(frame(part) + SKIPPABLE for part in parts)
    assert undo(content, step) == b"".join(parts)
    for rest in (b"\0", b"trailing", content[:3]):
        with pytest.raises(CorruptStream):
            undo(content + rest, step)


def test_zstd_verifies_its_checksum() -> None:
    damaged = bytearray(frame(NOISE))
    damaged[-1] ^= 1
    with pytest.raises(Corrupt):
        undo(bytes(damaged))


def streamed(window_log: int, content: bytes) -> bytes:
    writer = zstd.ZstdCompressor(options={int(zstd.CompressionParameter.window_log): window_log})
    return writer.compress(content) + writer.flush()


def test_zstd_windows_have_a_limit() -> None:
    assert undo(streamed(27, b"x" * 1000)) == b"x" * 1000
    with pytest.raises(WindowTooLarge) as caught:
        undo(streamed(28, b"x" * 1000), 1)
    assert isinstance(caught.value, Unsupported)
    assert caught.value.window == 1 << 28
    # A single segment whose window is its content of 2 GiB.
    with pytest.raises(WindowTooLarge):
        undo(b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", 1 << 31) + bytes(20))


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_bombs_end_at_the_limit_and_grow_by_a_piece_at_most(kind: str) -> None:
    layer = bytes(64 << 20)
    bomb = gzip.compress(layer, 9) if kind == "gzip" else frame(layer)
    assert len(bomb) < 70_000
    reader = Decompressor(limit=5 << 20)
    produced = 0
    pieces = reader.feed(bomb)
    with pytest.raises(OutputLimit) as caught:  # noqa: PT012 (what came before it is counted)
        for piece in pieces:
            produced += len(piece)
    assert isinstance(caught.value, Exhausted)
    assert 4 << 20 <= produced <= 5 << 20
    assert len(undo(bomb)) == len(layer)


def test_chunks_of_tiny_members_do_not_take_quadratic_time() -> None:
    empty = gzip.compress(b"")
    assert undo(empty * 30_000) == b""
    assert undo(frame(b"") * 30_000) == b""


def test_as_the_gzip_command_writes() -> None:
    content = subprocess.run(["gzip", "-c"], input=TEXT, check=True, capture_output=True).stdout
    assert undo(content, 1000) == TEXT


def damaged(content: bytes, generator: random.Random) -> Iterable[bytes]:
    for _ in range(300):
        changed = bytearray(content)
        for _ in range(generator.randint(1, 3)):
            changed[generator.randrange(4, len(changed))] = generator.randrange(256)
        yield bytes(changed)


@pytest.mark.parametrize("kind", SMALL)
def test_damage_is_named_as_such(kind: str) -> None:
    for content in damaged(SMALL[kind], random.Random(3)):
        with suppress(CorruptStream, WindowTooLarge, OutputLimit):
            undo(content, limit=1 << 24)


def test_an_empty_zstd_decoder_is_cut_off() -> None:
    with pytest.raises(CorruptStream):
        ZstdDecoder().close()
