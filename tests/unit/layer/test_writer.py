"""The tar that is written: always the same, and read by everybody alike."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layer_trees import Seen, apply, look, umoci_unpack
from shale.layer.entry import TreeEntry
from shale.layer.header import Header
from shale.layer.scan import TarScan
from shale.layer.writer import TarWriter

SECOND = 10**9
ENTRIES = (
    (TreeEntry(b"", b"5", 0o711, mtime_ns=SECOND), b""),
    (TreeEntry(b"etc", b"5", 0o2755, 1, 2, 1_600_000_000 * SECOND), b""),
    (TreeEntry(b"etc/passwd", b"0", 0o644, 0, 0, 1_600_000_000 * SECOND, 5), b"root\n"),
    (TreeEntry(b"etc/nano", b"0", 0o4755, 0, 0, 1_600_000_000 * SECOND + 120, 0), b""),
    (TreeEntry(b"etc/link", b"2", 0o777, link=b"../x" * 40), b""),
    (TreeEntry(b"etc/hard", b"1", 0o644, 0, 0, 1_600_000_000 * SECOND, link=b"etc/passwd"), b""),
    (TreeEntry(b"a" * 90 + b"/" + b"b" * 99, b"0", 0o600, 2_097_152, 2**32 - 2, 0, 3), b"abc"),
    (TreeEntry(b"c" * 200, b"0", 0o600, mtime_ns=-1), b""),
    (TreeEntry("zażółć".encode(), b"5", 0o755, mtime_ns=2 * 10**9 * SECOND), b""),
    (TreeEntry(b"future", b"0", 0o755, mtime_ns=2**40 * SECOND), b""),
    (TreeEntry("zażółć".encode() + b"/\xff", b"0", 0o644), b""),
    (TreeEntry(b"null", b"3", 0o666, major=1, minor=3), b""),
    (TreeEntry(b"sda", b"4", 0o660, major=8, minor=1_048_575), b""),
    (TreeEntry(b"fifo", b"6", 0o600), b""),
    (TreeEntry(b"noted", b"0", 0o644, xattrs={b"user.b": b"\0\n", b"user.a": b"", b"user.x=y": b"eq"}), b""),
)


def written(*entries: tuple[TreeEntry, bytes]) -> bytes:
    pieces: list[bytes] = []
    writer = TarWriter(pieces.append)
    for entry, content in entries:
        writer.add(entry, [content[:2], content[2:]])
    writer.finish()
    assert writer.entries == len(entries)
    return b"".join(pieces)


def read(content: bytes) -> list[Header]:
    found: list[Header] = []
    scan = TarScan(found.append)
    scan.feed(content)
    scan.close()
    return found


def test_the_bytes_are_always_the_same() -> None:
    """A change of these bytes changes the digest of everything that is built."""
    content = written(*ENTRIES)
    assert len(content) % 512 == 0
    assert (
        hashlib.sha256(content).hexdigest()
        == "2b0216a7d4adda9990252e7910272b0552e6940459016f861a46824a94d57a27"
    )


def test_what_was_written_is_read() -> None:
    for (entry, _), header in zip(ENTRIES, read(written(*ENTRIES)), strict=True):
        assert header.name.rstrip(b"/") == (entry.path or b".")
        assert (header.kind, header.mode, header.uid, header.gid) == (
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
        )
        assert (header.mtime, header.size, header.link) == (entry.mtime_ns, entry.size, entry.link)
        assert (header.major, header.minor) == (entry.major, entry.minor)
        assert header.xattrs == entry.xattrs


def test_records_are_used_only_where_they_are_needed() -> None:
    plain = [header.name for header in read(written(*ENTRIES)) if not header.records]
    assert plain == [
        b"./", b"etc/", b"etc/passwd", b"etc/hard", b"null", b"sda", b"fifo",
    ]  # fmt: skip
    name = b"p" * 100 + b"/" + b"n" * 100
    assert written((TreeEntry(name), b""))[345:445] == b"p" * 100


@pytest.mark.parametrize(
    "name",
    [
        b"x" * 100,
        b"x" * 101,
        b"a/" + b"x" * 99,
        b"x" * 155 + b"/y",
        b"x" * 156 + b"/y",
        b"x" * 155 + b"/" + b"y" * 101,
        b"/".join([b"ab"] * 85),
        b"/".join([b"abc"] * 90),
        b"x" * 99 + "é".encode(),
    ],
)
@pytest.mark.parametrize("kind", [b"0", b"5"])
def test_names_of_all_lengths(name: bytes, kind: bytes) -> None:
    (header,) = read(written((TreeEntry(name, kind), b"")))
    assert header.name == name + (b"/" if kind == b"5" else b"")
    with tarfile.open(fileobj=io.BytesIO(written((TreeEntry(name, kind), b"")))) as archive:
        assert [one.name.encode() for one in archive] == [name]


@pytest.mark.parametrize("content", [b"", b"12", b"1234"])
def test_a_body_of_another_size_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="bytes, not 3"):
        TarWriter(lambda _: None).add(TreeEntry(b"f", size=3), [content])


COMMON = (
    *(one for one in ENTRIES if one[0].mtime_ns <= 2 * 10**9 * SECOND and b"user.x=y" not in one[0].xattrs),
    (TreeEntry(b"a" * 90, b"5", 0o755), b""),
)
"""What all readers can do: `=` in the name of an attribute, and times in 36812, are not for all."""


def reduced(tree: dict[str, Seen], reader: str) -> dict[str, Seen]:
    """A tree without what a reader does not do: umoci the times of folders, tarfile attributes and more."""
    found = {}
    for name, seen in tree.items():
        untimed = seen.kind == "folder" or (seen.kind == "symlink" and reader == "python")
        mtime = seen.mtime // SECOND if reader == "python" else seen.mtime
        xattrs = () if reader == "python" else seen.xattrs
        found[name] = replace(seen, mtime=0 if untimed and reader != "tar" else mtime, xattrs=xattrs)
    return found


def unpacked(work: Path, content: bytes, reader: str) -> Path:
    if reader == "umoci":
        return umoci_unpack(work, content)
    root = work / "theirs"
    root.mkdir()
    (work / "tar").write_bytes(content)
    if reader == "python":
        with tarfile.open(work / "tar") as archive:
            archive.extractall(root, filter="fully_trusted", numeric_owner=True)
    else:
        command = ["tar", "--xattrs", "--xattrs-include=*", "-xf", str(work / "tar"), "-C", str(root)]
        subprocess.run(command, check=True)
    return root


@pytest.mark.parametrize("reader", ["tar", "umoci", "python"])
def test_other_readers_make_the_same_tree(tmp_path: Path, reader: str) -> None:
    content = written(*COMMON)
    theirs = look(unpacked(tmp_path, content, reader))
    ours = tmp_path / "ours"
    ours.mkdir()
    apply(ours, content)
    assert reduced(theirs, reader) == reduced(look(ours), reader)


@given(
    st.builds(
        TreeEntry,
        path=st.binary(min_size=1, max_size=300).map(
            lambda name: name.replace(b"\0", b"0").strip(b"/") or b"n"
        ),
        kind=st.sampled_from([b"0", b"2", b"3", b"5", b"6"]),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 2**32 - 2),
        gid=st.integers(0, 2**32 - 2),
        mtime_ns=st.integers(-(2**62), 2**62),
        link=st.binary(max_size=300).map(lambda link: link.replace(b"\0", b"0")),
        xattrs=st.dictionaries(
            st.binary(max_size=30).map(lambda name: b"user." + name.replace(b"\0", b"0")),
            st.binary(max_size=99),
        ),
        major=st.integers(0, 4095),
        minor=st.integers(0, 2**20 - 1),
    )
)
def test_everything_that_can_be_said_is_read_back(entry: TreeEntry) -> None:
    (header,) = read(written((entry, b"")))
    assert header.name == entry.path + (b"/" if entry.kind == b"5" else b"")
    assert (header.mode, header.uid, header.gid, header.mtime) == (
        entry.mode,
        entry.uid,
        entry.gid,
        entry.mtime_ns,
    )
    assert (header.link, header.xattrs) == (entry.link, entry.xattrs)
    assert (header.major, header.minor) == (entry.major, entry.minor)
