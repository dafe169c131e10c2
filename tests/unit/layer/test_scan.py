from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from shale.errors import Invalid
from shale.layer.header import Extent, Header, InvalidTar, TruncatedTar
from shale.layer.scan import TarScan
from unit.layer.archives import END, block, body, mixed, record, records


def headers(content: bytes) -> list[Header]:
    """All entries; the quick way must agree with the complete one."""
    found: list[Header] = []
    reader = TarScan(found.append)
    reader.feed(content)
    reader.close()
    quick = TarScan()
    quick.feed(content)
    quick.close()
    assert (quick.entries, quick.content_size) == (reader.entries, reader.content_size)
    assert quick.position == len(content)
    return found


def refused(content: bytes) -> InvalidTar:
    """The error, the same both ways."""
    problems = []
    for reader in (TarScan(lambda _header: None), TarScan()):
        with pytest.raises(InvalidTar) as caught:
            reader.feed(content)
        problems.append(caught.value)
    assert problems[0].args == problems[1].args
    assert isinstance(problems[0], Invalid)
    return problems[0]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_agrees_with_tarfile(form: int) -> None:
    if form == tarfile.USTAR_FORMAT:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
            for name in ("a", "p" * 120 + "/" + "n" * 90):
                entry = tarfile.TarInfo(name)
                entry.size = 700
                archive.addfile(entry, io.BytesIO(bytes(700)))
        content = stream.getvalue()
    else:
        content = mixed(form)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        wanted = [
            (
                member.name,
                member.size,
                member.mode,
                member.mtime,
                member.linkname,
                member.type,
                member.offset_data,
            )
            for member in archive
        ]
    found = [
        (
            header.name.decode().rstrip("/"),
            header.size,
            header.mode,
            header.mtime // 10**9,
            header.link.decode(),
            header.kind,
            header.offset + 512,
        )
        for header in headers(content)
    ]
    assert found == wanted


@pytest.mark.parametrize("form", ["v7", "ustar", "oldgnu", "gnu", "posix"])
def test_agrees_with_gnu_tar(tmp_path: Path, form: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "small").write_bytes(b"x" * 1000)
    (tree / "name with \n and ü").write_bytes(b"")
    (tree / "link").symlink_to("small")
    (tree / "hard").hardlink_to(tree / "small")
    expected = {b"tree/", b"tree/small", "tree/name with \n and ü".encode(), b"tree/link", b"tree/hard"}
    if form != "v7":
        deep = tree / ("d" * 80)
        deep.mkdir()
        (deep / ("f" * 60)).write_bytes(b"deep")
        expected |= {f"tree/{'d' * 80}/".encode(), f"tree/{'d' * 80}/{'f' * 60}".encode()}
    command = ["tar", f"--format={form}", "-C", str(tmp_path), "-c", "tree"]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    found = headers(content)
    assert {header.name for header in found} == expected
    assert sum(header.size for header in found) == 1000 + (4 if form != "v7" else 0)
    stat = (tree / "small").lstat()
    first = next(header for header in found if header.size == 1000)
    assert (first.mode & 0o7777, first.uid, first.gid) == (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid)
    exact = stat.st_mtime_ns if form == "posix" else stat.st_mtime_ns // 10**9 * 10**9
    assert first.mtime == exact


@pytest.mark.parametrize(
    "form", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
)
@pytest.mark.parametrize("pieces", [0, 1, 3, 200])
def test_sparse_files_of_gnu_tar(tmp_path: Path, form: str, pieces: int) -> None:
    step = 1 << 17
    size = (pieces + 1) * step + 5
    with (tmp_path / "holes").open("wb") as file:
        for piece in range(pieces):
            file.seek((piece + 1) * step)
            file.write(b"d" * 4096)
        file.truncate(size)
    (tmp_path / "after").write_bytes(b"12345")
    command = ["tar", *([form] if "gnu" in form else ["--format=posix", form]), "-S", "-C", str(tmp_path)]
    content = subprocess.run([*command, "-c", "holes", "after"], check=True, capture_output=True).stdout
    holes, after = headers(content)
    assert (holes.name, holes.size) == (b"holes", size)
    assert holes.extents is not None
    stored = [extent for extent in holes.extents if extent.length]
    assert stored == [Extent((piece + 1) * step, 4096) for piece in range(pieces)]
    assert (after.name, after.size, after.extents) == (b"after", 5, None)


def test_numbers_in_base_256() -> None:
    large = 3 << 33
    content = block(size=b"\x80" + large.to_bytes(11, "big"), kind=b"5", mtime=b"\xff" * 12)
    (header,) = headers(content + END)
    assert (header.size, header.stored, header.mtime) == (large, 0, -(10**9))


def test_octal_as_writers_pad_it() -> None:
    for size in (
        b"         17 ",
        b"17\0\0\0\0\0\0\0\0\0\0",
        b"00000000017\0",
        b"000000000017",
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
    ):
        (header,) = headers(block(size=size) + body(bytes(15)) + END)
        assert header.size == (15 if b"7" in size else 0)


@pytest.mark.parametrize(
    "size", [b"0000000001_\0", b"+0000000017\0", b"00000000018\0", b"0x000000017\0", b"-0000000017\0"]
)
def test_what_is_not_octal(size: bytes) -> None:
    assert "octal" in refused(block() + block(size=size)).message
    assert refused(block() + block(size=size)).offset == 512


def test_negative_and_absurd_sizes() -> None:
    negative = refused(block(size=b"\xff" * 12))
    assert "negative" in negative.message
    assert "64 bits" in refused(block(size=b"\x80" + b"\x7f" * 11)).message
    assert "negative" in refused(records((b"size", b"-1")) + block()).message
    assert "64 bits" in refused(records((b"size", b"9223372036854775808")) + block()).message


def test_eight_exbibytes_are_a_size_but_two_of_them_are_none() -> None:
    largest = b"\x80\0\0\0\x7f" + b"\xff" * 7
    reader = TarScan()
    reader.feed(block(size=largest, kind=b"5"))
    assert reader.content_size == 0
    reader.feed(
        records(
            (b"GNU.sparse.major", b"1"),
            (b"GNU.sparse.minor", b"0"),
            (b"GNU.sparse.realsize", b"%d" % (2**63 - 1)),
        )
        + block(size=512)
        + b"0\n".ljust(512, b"\0")
    )
    assert reader.content_size == 2**63 - 1
    with pytest.raises(InvalidTar, match="larger than any disk"):
        reader.feed(block(size=1))
    cut = TarScan()
    cut.feed(block(size=largest))
    with pytest.raises(TruncatedTar):
        cut.close()


def test_sizes_of_kinds_without_a_body_count_as_docker_counts_them() -> None:
    first, second = headers(block(b"hard", 77, b"1") + block(b"file", 5) + body(b"12345") + END)
    assert (first.size, first.stored, second.size) == (77, 0, 5)


@pytest.mark.parametrize("at", [0, 100, 148, 256, 511])
def test_one_bit_of_a_header_flipped(at: int) -> None:
    damaged = bytearray(block(b"n" * 100, 5))
    damaged[at] ^= 1
    problem = refused(block() + bytes(damaged))
    assert problem.offset == 512


def test_signed_checksums() -> None:
    names = [header.name for header in headers(block(b"\xe9\xff", signed=True) + block(b"\xe9") + END)]
    assert names == [b"\xe9\xff", b"\xe9"]


def test_the_end_of_an_archive() -> None:
    one = block(size=5) + body(b"12345")
    assert len(headers(one + END + b"trailing")) == 1
    assert len(headers(one + END + one + END)) == 1
    assert len(headers(one + bytes(512))) == 1
    assert len(headers(one)) == 1
    assert len(headers(one[:520])) == 1  # only padding is missing
    assert headers(b"") == []
    assert headers(records((b"comment", b"x"))) == []
    assert "zero block" in refused(one + bytes(512) + one).message


@pytest.mark.parametrize(
    "rest", [b"\0", b"x" * 511, block(size=5) + b"1234", block()[:100], block(b"x", 9, b"L") + b"name"]
)
def test_cut_off(rest: bytes) -> None:
    for reader in (TarScan(), TarScan(lambda _header: None)):
        reader.feed(block() + rest)
        with pytest.raises(TruncatedTar) as caught:
            reader.close()
        assert caught.value.offset == 512 + len(rest)


def test_extended_headers_have_a_limit() -> None:
    for kind in (b"x", b"g", b"L", b"K"):
        assert "1 MiB" in refused(block(size=(1 << 20) + 1, kind=kind)).message
        assert "1 MiB" in refused(block(size=4 << 30, kind=kind)).message
    (header,) = headers(block(size=1 << 20, kind=b"L") + body(b"n" * (1 << 20)) + block() + END)
    assert len(header.name) == 1 << 20


def test_sparse_maps_have_a_limit() -> None:
    sparse = ((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"9"))
    start = records(*sparse) + block(size=1 << 30)
    assert "1 MiB" in refused(start + b"600000\n" + b"0\n" * (1 << 20)).message
    gnu = bytearray(block(kind=b"S", magic=b"ustar  \0"))
    gnu[482] = 1
    gnu[148:156] = b"%06o\0 " % (sum(gnu) - sum(gnu[148:156]) + 256)
    extension = (b"0" * 24) * 21 + b"\1" + bytes(7)
    assert "1 MiB" in refused(bytes(gnu) + extension * 3000).message


@pytest.mark.parametrize(
    ("size", "listed"),
    [
        (b"10", b"5,2,3,2"),
        (b"10", b"8,3"),
        (b"10", b"0,4"),
        (b"-1", b"0,3"),
        (b"10", b"0,x"),
        (b"10", b"0,2,2,-1"),
        (b"10", b"1"),
    ],
)
def test_sparse_maps_that_lie(size: bytes, listed: bytes) -> None:
    count = b"%d" % ((listed.count(b",") + 1) // 2)
    pairs = ((b"GNU.sparse.size", size), (b"GNU.sparse.numblocks", count), (b"GNU.sparse.map", listed))
    assert refused(records(*pairs) + block(size=3) + body(b"123")).offset == 1024


def test_records_correct_the_entry_after_them_only() -> None:
    pairs = (
        (b"path", b"long \xff name"),
        (b"size", b"3"),
        (b"uid", b"4294967295"),
        (b"mtime", b"-1.25"),
        (b"SCHILY.xattr.user.k", b"v\0\n="),
        (b"LIBARCHIVE.xattr.user.%25", b"AAE"),
    )
    first, second = headers(records(*pairs) + block() + body(b"123") + block(b"next") + END)
    assert (first.name, first.size, first.uid, first.mtime) == (b"long \xff name", 3, 2**32 - 1, -1_250_000_000)
    assert first.xattrs == {b"user.k": b"v\0\n=", b"user.%": b"\0\1"}
    assert (second.name, second.size, dict(second.records)) == (b"next", 0, {})


def test_records_for_the_whole_archive_change_nothing() -> None:
    content = records((b"path", b"other"), (b"size", b"99"), kind=b"g") + block(b"own") + END
    assert [(header.name, header.size) for header in headers(content)] == [(b"own", 0)]
    refused(records((b"mtime", b"never"), kind=b"g"))


def test_an_old_regular_file_whose_name_ends_in_a_slash_is_a_directory() -> None:
    old = block(b"old/", 700, b"\0", magic=bytes(8))
    assert [header.kind for header in headers(old + block(b"f", 0, b"\0", magic=bytes(8)) + END)] == [
        b"5",
        b"0",
    ]


def test_a_million_records_and_a_hundred_thousand_headers_take_little_memory() -> None:
    reader = TarScan()
    content = record(b"k", b"v") * 170_000
    reader.feed(block(size=len(content), kind=b"x") + body(content) + block())
    for _ in range(100):
        reader.feed(block() * 1000)
    reader.close()
    assert reader.entries == 100_001
