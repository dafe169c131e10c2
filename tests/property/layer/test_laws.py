"""Laws of reading a layer: how it is cut into chunks does not matter, and damage is named as such."""

from __future__ import annotations

import gzip
import sys
import tarfile
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shale.errors import ShaleError
from shale.layer import pax
from shale.layer.header import Header, InvalidTar, TruncatedTar
from shale.layer.scan import TarScan
from shale.layer.verify import LayerFacts, LayerScanner
from shared_vectors import VECTORS
from unit.layer.archives import END, block, body, counted, mixed, records

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FOLDER = VECTORS / "go-archive-tar" / "testdata"
ARCHIVES = {
    "gnu": mixed(),
    "pax": mixed(tarfile.PAX_FORMAT),
    "sparse": (FOLDER / "sparse-formats.tar").read_bytes(),
    "incremental": (FOLDER / "gnu-incremental.tar").read_bytes(),
    "global": (FOLDER / "pax-global-records.tar").read_bytes(),
}
SMALL = (
    block(b"first", 5)
    + body(b"12345")
    + block(b"long", 4, b"L")
    + body(b"name")
    + records((b"mtime", b"1.5"))
    + block(b"second")
    + bytes(1024)
)
ENDS = {0, *range(517, 1025), *range(1540, 2049), *range(2573, 3073), 3584, 4096, 4608}
"""Where SMALL may be cut off without loss: between entries, in padding, and around the zero blocks."""

names = st.sampled_from(sorted(ARCHIVES))


def cuts(content: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(content), *(place % (len(content) + 1) for place in places)})
    return [content[start:end] for start, end in pairwise(edges)]


def scanned(chunks: list[bytes]) -> tuple[int, int, int, list[Header], list[bytes]]:
    found: list[Header] = []
    bodies: list[bytes] = []
    whole = b"".join(chunks)

    def entry(header: Header) -> None:
        found.append(header)
        bodies.append(b"")
        starts.append(complete.position)

    def more(piece: memoryview) -> None:
        bodies[-1] += piece

    starts: list[int] = []
    complete, quick = TarScan(entry, more), TarScan()
    for reader in (complete, quick):
        for chunk in chunks:
            reader.feed(memoryview(chunk))
        reader.close()
    for reader in (complete, quick):
        assert (reader.entries, reader.content_size) == (len(found), counted(found))
    for start, content in zip(starts, bodies, strict=True):
        assert whole[start : start + len(content)] == content
    return quick.entries, quick.content_size, quick.position, found, bodies


@given(name=names, places=st.lists(st.integers(min_value=0), max_size=20))
@settings(max_examples=150, deadline=None)
def test_chunks_of_an_archive_do_not_matter(name: str, places: list[int]) -> None:
    content = ARCHIVES[name]
    assert scanned(cuts(content, places)) == scanned([content])


def facts(chunks: list[bytes]) -> LayerFacts:
    with LayerScanner() as scanner:
        for chunk in chunks:
            scanner.feed(chunk)
        return scanner.result()


@given(
    name=names, places=st.lists(st.integers(min_value=0), max_size=20), pack=st.sampled_from(["gzip", "zstd"])
)
@settings(max_examples=100, deadline=None)
def test_chunks_of_a_blob_do_not_matter(name: str, places: list[int], pack: str) -> None:
    content = ARCHIVES[name]
    blob = gzip.compress(content, 1) if pack == "gzip" else zstd.compress(content)
    assert facts(cuts(blob, places)) == facts([blob])


@pytest.mark.parametrize("step", [1, 512, 5000])
def test_every_chunk_size(step: int) -> None:
    for content in ARCHIVES.values():
        chunks = [content[at : at + step] for at in range(0, len(content), step)]
        assert scanned(chunks) == scanned([content])


def test_cut_off_at_every_byte() -> None:
    assert len(SMALL) == max(ENDS)
    for end in range(len(SMALL) + 1):
        reader = TarScan()
        reader.feed(SMALL[:end])
        if end in ENDS:
            reader.close()
            assert reader.entries == (end >= 512) + (end >= 3584)
        else:
            with pytest.raises(TruncatedTar):
                reader.close()


@given(
    name=names,
    changes=st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=8),
    resum=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_damage_is_named_as_such(name: str, changes: list[tuple[int, int]], resum: bool) -> None:
    content = bytearray(ARCHIVES[name])
    for place, value in changes:
        at = place % len(content)
        content[at] = value
        start = at // 512 * 512
        if resum:  # let the change through the checksum, to what stands behind it
            head = content[start : start + 512]
            total = sum(head) - sum(head[148:156]) + 256
            content[start + 148 : start + 156] = b"%06o\0 " % total
    outcomes = []
    for reader in (TarScan(), TarScan(lambda _header: None)):
        try:
            reader.feed(bytes(content))
            reader.close()
            outcomes.append((reader.entries, reader.content_size, ""))
        except InvalidTar as problem:
            outcomes.append((-1, problem.offset, problem.message))
    assert outcomes[0] == outcomes[1]
    refused, offset, _ = outcomes[0]
    assert refused >= 0 or 0 <= offset <= len(content)


@given(
    junk=st.binary(max_size=2000),
    start=st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"]),
)
@settings(max_examples=300, deadline=None)
def test_junk_is_refused_by_kind(junk: bytes, start: bytes) -> None:
    with suppress(ShaleError):
        facts([start + junk])


paths = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=300)


@given(
    entries=st.lists(
        st.tuples(
            paths,
            st.integers(0, 3000),
            st.sampled_from(
                [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE]
            ),
            paths,
        ),
        max_size=12,
    ),
    gnu=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_what_tarfile_writes_is_read_back(entries: list[tuple[str, int, bytes, str]], gnu: bool) -> None:
    parts, expected = [], 0
    for name, size, kind, target in entries:
        entry = tarfile.TarInfo(name)
        entry.size, entry.type = size, kind
        if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            entry.linkname = target
        head = entry.tobuf(tarfile.GNU_FORMAT if gnu else tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        file = kind in (tarfile.REGTYPE, tarfile.CONTTYPE)
        parts.append(head + (body(b"b" * size) if file else b""))
        expected += size if file else len(target.encode()) if kind == tarfile.SYMTYPE else 0
    count, content_size, _, found, _ = scanned([b"".join(parts) + END])
    assert (count, content_size) == (len(entries), expected)
    kept = [(header.name.rstrip(b"/"), header.kind) for header in found]
    assert kept == [(name.encode().rstrip(b"/"), kind) for name, _, kind, _ in entries]


keys = st.binary(min_size=1, max_size=120).filter(
    lambda key: b"=" not in key and b"\0" not in key and not key.startswith(b"GNU.sparse")
)


@given(
    pairs=st.dictionaries(
        keys, st.binary(max_size=1200).map(lambda value: value.replace(b"\0", b"")), max_size=8
    )
)
@settings(max_examples=150, deadline=None)
def test_records_are_read_back_as_they_were_written(pairs: dict[bytes, bytes]) -> None:
    assert pax.parse_records(pax.format_records(pairs), 0) == pairs
