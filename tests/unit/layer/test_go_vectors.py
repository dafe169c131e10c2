"""Go's own tables for archive/tar: what its reader makes of 33 odd archives, and what it refuses."""

from __future__ import annotations

import bz2
import json
from typing import Any

import pytest

from shale.layer import pax
from shale.layer.header import Header, InvalidTar, merge
from shale.layer.scan import TarScan
from shared_vectors import VECTORS
from unit.layer.archives import counted

FOLDER = VECTORS / "go-archive-tar"
TABLES: dict[str, list[Any]] = {
    table["func"]: table["cases"] for table in json.loads((FOLDER / "reader.json").read_text())["tables"]
}
READER = {case["file"].removeprefix("testdata/"): case for case in TABLES["TestReader"]}


def archive(name: str) -> bytes:
    content = (FOLDER / "testdata" / name).read_bytes()
    return bz2.decompress(content) if name.endswith(".bz2") else content


def scan(content: bytes) -> list[Header]:
    headers: list[Header] = []
    reader = TarScan(headers.append)
    reader.feed(content)
    reader.close()
    return headers


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def flag(value: Any) -> bytes:
    if isinstance(value, dict):
        value = value["$rune"]
    return bytes([value]) if isinstance(value, int) else as_bytes(value)


def nanoseconds(value: Any) -> int:
    seconds, rest = value["args"]
    return int(seconds) * 10**9 + int(rest)


def compare(header: Header, want: dict[str, Any]) -> None:
    assert header.name == as_bytes(want.get("Name", ""))
    assert header.kind == flag(want["Typeflag"])
    assert header.size == want.get("Size", 0)
    assert header.mode == want.get("Mode", 0)
    assert (header.uid, header.gid) == (want.get("Uid", 0), want.get("Gid", 0))
    assert header.link == as_bytes(want.get("Linkname", ""))
    assert header.user == as_bytes(want.get("Uname", ""))
    assert header.group == as_bytes(want.get("Gname", ""))
    assert (header.major, header.minor) == (want.get("Devmajor", 0), want.get("Devminor", 0))
    assert header.mtime == nanoseconds(want["ModTime"])
    records = {as_bytes(key): as_bytes(value) for key, value in want.get("PAXRecords", {}).items()}
    assert dict(header.records) == records
    if "Xattrs" in want:
        assert header.xattrs == {as_bytes(key): as_bytes(value) for key, value in want["Xattrs"].items()}


def counts(want: dict[str, Any]) -> int:
    """What docker's SIZE counts of an entry of the table."""
    kind = flag(want["Typeflag"])
    if kind == b"2":
        return len(as_bytes(want["Linkname"]))
    return int(want.get("Size", 0)) if kind in (b"0", b"7", b"S") else 0


@pytest.mark.parametrize("name", sorted(READER))
def test_reader(name: str) -> None:
    case = READER[name]
    content = archive(name)
    if "err" in case:
        with pytest.raises(InvalidTar):
            scan(content)
        quick = TarScan()
        with pytest.raises(InvalidTar):
            quick.feed(content)
        return
    # Go hands out the records for the whole archive as an entry; here they are none.
    wanted = [want for want in case["headers"] if flag(want["Typeflag"]) != b"g"]
    headers = scan(content)
    assert len(headers) == len(wanted)
    for header, want in zip(headers, wanted, strict=True):
        compare(header, want)
    quick = TarScan()
    quick.feed(content)
    quick.close()
    assert quick.entries == len(wanted)
    assert quick.content_size == sum(map(counts, wanted))


REST = sorted(path.name for path in (FOLDER / "testdata").glob("*.tar") if path.name not in READER)


@pytest.mark.parametrize("name", REST)
def test_archives_of_the_writer(name: str) -> None:
    """Those that Go's tests write or read elsewhere; two hold a header of a body of 16 GiB, without it."""
    content = archive(name)
    reader = TarScan()
    reader.feed(content)
    if name in {"writer-big.tar", "writer-big-long.tar"}:
        with pytest.raises(InvalidTar, match="middle of an entry"):
            reader.close()
    else:
        reader.close()
        assert reader.entries == (0 if name == "pax-path-hdr.tar" else len(scan(content)))
        sizes = {"gnu-sparse-big.tar": 60_000_000_000, "pax-sparse-big.tar": 60_000_000_000}
        assert reader.content_size == sizes.get(name, counted(scan(content)))


def sparse_names(value: str) -> str:
    return {
        "paxGNUSparseSize": "GNU.sparse.size",
        "paxGNUSparseNumBlocks": "GNU.sparse.numblocks",
        "paxGNUSparseMap": "GNU.sparse.map",
    }.get(value, value)


@pytest.mark.parametrize("case", TABLES["TestParsePAX"], ids=lambda case: repr(case["in"][:30]))
def test_parse_records(case: dict[str, Any]) -> None:
    if not case["ok"]:
        with pytest.raises(InvalidTar):
            pax.parse_records(as_bytes(case["in"]), 0)
        return
    wanted = {as_bytes(sparse_names(key)): as_bytes(value) for key, value in (case["want"] or {}).items()}
    assert pax.parse_records(as_bytes(case["in"]), 0) == wanted


@pytest.mark.parametrize("case", TABLES["TestMergePAX"], ids=lambda case: repr(case["in"]))
def test_merge(case: dict[str, Any]) -> None:
    records = {as_bytes(key): as_bytes(value) for key, value in case["in"].items()}
    if not case.get("ok", True):
        with pytest.raises(InvalidTar):
            merge(Header(name=b""), records, b"", b"")
        return
    want = {"Typeflag": "0", "ModTime": {"args": [0, 0]}, **case["want"]}
    compare(merge(Header(name=b""), records, b"", b""), want)
