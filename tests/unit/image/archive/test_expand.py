"""Compressed archives: four kinds, undone in pieces, and damage that is noticed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_files import oci_entries, real_image, tar_of
from shale.image.archive.expand import MAGIC, Expander, is_compressed
from shale.image.archive.opening import open_archive
from shale.image.archive.reading import read_archive
from shale.layer.frames import CorruptStream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def _zstd(content: bytes) -> bytes:
    return zstd.compress(content, options={int(zstd.CompressionParameter.checksum_flag): 1})


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": _zstd,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


def expand(packed: bytes, step: int = 1000) -> bytes:
    expander = Expander(packed[:MAGIC])
    out = bytearray()
    for at in range(0, len(packed), step):
        for piece in expander.feed(packed[at : at + step]):
            assert len(piece) <= 1 << 20
            out += piece
    expander.close()
    return bytes(out)


@pytest.mark.parametrize("kind", PACK)
def test_each_kind_is_found_and_undone(kind: str) -> None:
    content = os.urandom(50_000) + bytes(3_000_000)
    packed = PACK[kind](content)
    assert is_compressed(packed[:MAGIC])
    for step in (1, 4096, len(packed)):
        if step > 1:
            assert expand(packed, step) == content
    assert expand(PACK[kind](b"first") + PACK[kind](b"second"), 1) == b"firstsecond"


@pytest.mark.parametrize("kind", PACK)
def test_what_was_cut_or_changed_is_refused(kind: str) -> None:
    packed = PACK[kind](os.urandom(5000))
    with pytest.raises(CorruptStream):
        expand(packed[:-5])
    damaged = bytearray(packed)
    damaged[len(packed) // 2] ^= 0xFF
    with pytest.raises(CorruptStream):
        expand(bytes(damaged))
    with pytest.raises(CorruptStream):
        expand(packed + b"something else after it")


def test_zeros_after_xz_are_padding() -> None:
    assert expand(lzma.compress(b"content") + bytes(8), 3) == b"content"


def test_a_tar_is_not_compressed() -> None:
    assert not is_compressed(tar_of([("a", b"b")])[:MAGIC])


@pytest.mark.parametrize("kind", PACK)
def test_a_compressed_archive_is_read_from_a_file_and_from_a_pipe(kind: str, tmp_path: Path) -> None:
    image = real_image("a")
    packed = PACK[kind](tar_of(oci_entries(image)))
    (tmp_path / "packed").write_bytes(packed)
    spool = Path(tempfile.mkdtemp(dir=tmp_path))
    for source in (tmp_path / "packed", io.BytesIO(packed)):
        with open_archive(source, spool) as members:
            assert [one.target for one in read_archive(members).images] == [image.digest]
            assert os.listdir(spool) == []  # the file has no name


def test_an_archive_may_begin_inside_a_file(tmp_path: Path) -> None:
    image = real_image("a")
    (tmp_path / "file").write_bytes(b"before" + tar_of(oci_entries(image)))
    with (tmp_path / "file").open("rb") as stream:
        stream.read(6)
        with open_archive(stream, tmp_path) as members:
            assert [one.target for one in read_archive(members).images] == [image.digest]
