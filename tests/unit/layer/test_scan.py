from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from shale.errors import Invalid
from shale.layer.header import Extent, Header, InvalidTar, TruncatedTar, merge, parse_block
from shale.layer.plain import parse_plain
from shale.layer.scan import TarScan
from unit.layer.archives import END, block, body, counted, mixed, record, records


def headers(content: bytes) -> list[Header]:
    """All entries; the quick way must agree with the complete one."""
    found: list[Header] = []
    reader = TarScan(found.append)
    reader.feed(content)
    reader.close()
    quick = TarScan()
    quick.feed(content)
    quick.close()
    for way in (reader, quick):
        assert (way.entries, way.content_size) == (len(found), counted(found))
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


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("step", [1, 511, 512, 513, 5000, 1 << 20])
def test_bodies_are_those_of_tarfile(form: int, step: int) -> None:
    stream = io.BytesIO()
    names = ["a", "b" * 99, "c" * 90 + "/" + "d" * 90] + (["é" * 90] if form != tarfile.USTAR_FORMAT else [])
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name in names:
            for size in (0, 1, 511, 512, 513, 4000):
                entry = tarfile.TarInfo(f"{name}/{size}")
                entry.size = size
                archive.addfile(entry, io.BytesIO(os.urandom(size)))
    content = stream.getvalue()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        wanted = []
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            wanted.append([member.name.encode(), file.read()])
    found: list[list[bytes]] = []

    def more(piece: memoryview) -> None:
        found[-1][1] += piece

    scan = TarScan(lambda header: found.append([header.name, b""]), more)
    for at in range(0, len(content), step):
        scan.feed(content[at : at + step])
    scan.close()
    assert found == wanted


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (block(b"name" * 24, 3), True),
        (block(b"name", 3, magic=b"ustar  \0"), True),
        (block(b"name", 3, magic=bytes(8)), False),
        (block(b"name", 3, b"2", link=b"l" * 100), True),
        (block(b"name/", 7, b"5"), True),
        (block(b"name", 0, b"7"), False),
        (block(b"n" * 100, 3, magic=b"ustar\x0000" + b"user".ljust(32, b"\0") + b"g" * 32), True),
        (block(b"tail", 3, magic=b"ustar\x0000" + bytes(80) + b"prefix/of/it"), True),
        (block(b"tail", 3, magic=b"ustar  \0" + bytes(80) + b"0000000000\0"), False),
        (block(b"tail", 3, mtime=b"17777777777 "), True),
        (block(b"tail", 3, magic=b"ustar\x0000" + bytes(64) + b"0000001\0" * 2), False),
        (block(b"tail", 3, b"3", magic=b"ustar\x0000" + bytes(64) + b"0000001\0" * 2), False),
    ],
)
def test_a_header_that_is_plain_is_read_as_any_other(content: bytes, plain: bool) -> None:
    content = content.ljust(512, b"\0")
    found = parse_plain(content, 512)
    assert (found is not None) == plain
    assert found in (None, merge(parse_block(content, 512), {}, b"", b""))


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
    count, size = (b"GNU.sparse.numblocks", b"0"), (b"GNU.sparse.size", b"%d" % (2**63 - 1))
    reader = TarScan()
    reader.feed(records((b"GNU.sparse.major", b"0"), (b"GNU.sparse.minor", b"1"), count, size) + block())
    assert reader.content_size == 2**63 - 1
    with pytest.raises(InvalidTar, match="larger than any disk"):
        reader.feed(block(size=1))
    cut = TarScan()
    cut.feed(block(size=largest))
    with pytest.raises(TruncatedTar):
        cut.close()


def unpacked_size(folder: Path) -> int:
    """As docker counts it: what lies in the folder, by `lstat`, every inode once."""
    found = [Path(root, name).lstat() for root, _, files in os.walk(folder) for name in files]
    # os.walk lists a symbolic link to a folder with the folders.
    found += [
        Path(root, name).lstat()
        for root, folders, _ in os.walk(folder)
        for name in folders
        if Path(root, name).is_symlink()
    ]
    return sum({status.st_ino: status.st_size for status in found}.values())


@pytest.mark.parametrize("form", ["ustar", "oldgnu", "gnu", "posix", "gnu --sparse", "posix --sparse"])
def test_the_size_is_that_of_the_unpacked_folder(tmp_path: Path, form: str) -> None:
    tree, unpacked = tmp_path / "tree", tmp_path / "unpacked"
    for folder in (tree / "folder", unpacked):
        folder.mkdir(parents=True)
    (tree / "a file").write_bytes(b"x" * 1000)
    (tree / "z hard").hardlink_to(tree / "a file")
    (tree / "empty").touch()
    os.mkfifo(tree / "pipe")
    for length in (1, 99, 100) if form == "ustar" else (1, 99, 100, 101, 300):
        (tree / f"link{length}").symlink_to("t" * length)
    (tree / "to ü").symlink_to("ü" * 20)
    (tree / "to folder").symlink_to("folder")
    os.link(tree / "to folder", tree / "z to folder", follow_symlinks=False)
    with (tree / "holes").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"data")
        file.truncate(3 << 20)
    make = ["tar", *f"--format={form}".split(), "-C", str(tree), "-c", "."]
    content = subprocess.run(make, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-C", str(unpacked), "-x"], input=content, check=True)
    assert counted(headers(content)) == unpacked_size(unpacked) > (3 << 20) + 1200


def test_kinds_that_only_some_count() -> None:
    """A size where there is no body is no size; a contiguous file is a file, what nobody unpacks is none."""
    for kind, size in ((b"1", 0), (b"2", 6), (b"3", 0), (b"4", 0), (b"5", 0), (b"6", 0)):
        content = block(b"entry", 77, kind, link=b"target") + block(b"file", 5) + body(b"12345") + END
        first, second = headers(content)
        assert (first.size, first.stored, second.size) == (77, 0, 5)
        assert counted([first]) == size
    for kind, size in ((b"7", 5), (b"\0", 5), (b"D", 0), (b"V", 0), (b"M", 0), (b"Z", 0)):
        first, second = headers(block(b"entry", 5, kind) + body(b"12345") + block(b"file") + END)
        assert (first.stored, second.name) == (5, b"file")
        assert counted([first]) == size


LINK = block(b"link", 0, b"2", link=b"own")


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (LINK, 3),
        (block(b"link", 0, b"2", link=b"t" * 100), 100),
        (block(b"link", 0, b"2", link=b"t\0after"), 1),
        (records((b"linkpath", b"t" * 300)) + LINK, 300),
        (records((b"linkpath", b"")) + LINK, 3),
        (records((b"path", b"renamed")) + LINK, 3),
        (records((b"size", b"9")) + LINK, 3),
        (records((b"linkpath", b"t" * 300), kind=b"g") + LINK, 3),
        (block(b"long", 200, b"K") + body(b"t" * 200) + LINK, 200),
        (block(b"long", 200, b"K") + body(b"t" * 150 + bytes(50)) + LINK, 150),
        (block(b"long", 1, b"K") + body(b"\0") + LINK, 3),
        (block(b"long", 200, b"K") + body(b"t" * 200) + block(b"long", 4, b"L") + body(b"name") + LINK, 200),
        (block(b"long", 4, b"L") + body(b"name") + block(b"long", 200, b"K") + body(b"t" * 200) + LINK, 200),
        (block(b"long", 4, b"K") + body(b"gnu!") + records((b"linkpath", b"of pax")) + LINK, 4),
        (block(b"long", 200, b"K") + body(b"t" * 200) + block(b"hard", 0, b"1"), 0),
        (block(b"long", 200, b"K") + body(b"t" * 200) + records((b"comment", b"x"), kind=b"g") + LINK, 3),
    ],
)
def test_targets_that_other_headers_correct(content: bytes, size: int) -> None:
    for before in (b"", block(b"before", 2) + body(b"12")):
        found = headers(before + content + LINK + END)
        assert counted(found) == (2 if before else 0) + size + 3


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
