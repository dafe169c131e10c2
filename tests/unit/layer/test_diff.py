"""What changed in a container's files, on real overlays, as a list and as a layer."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from layer_trees import (
    MERGED,
    Seen,
    apply,
    apply_all,
    device,
    fifo,
    file,
    folder,
    hard_link,
    layer,
    look,
    opened,
    symlink,
    umoci_unpack,
)
from shale.layer.diff import Written, changes, write_difference, write_tree, write_upper
from shale.layer.header import Header
from shale.layer.scan import TarScan
from shale.layer.writer import TarWriter

IMAGE = (
    folder("etc", mtime=10),
    file("etc/passwd", b"root", mtime=11, xattrs={"user.a": b"1"}),
    file("etc/group", b"root", mtime=12),
    folder("etc/deep", mtime=13),
    file("etc/deep/file", b"x" * 3000, mtime=14),
    folder("var", mtime=15),
    folder("var/lib", mtime=16),
    file("var/lib/one", b"1"),
    file("var/lib/two", b"2"),
    folder("var/lib/sub"),
    file("var/lib/sub/three", b"3"),
    file("a", b"linked"),
    hard_link("b", "a"),
    symlink("link", "etc"),
    fifo("fifo"),
    device("null", b"3", 1, 3),
)


def written(write: Callable[[TarWriter], Written]) -> tuple[bytes, Written]:
    pieces: list[bytes] = []
    writer = TarWriter(pieces.append)
    result = write(writer)
    writer.finish()
    return b"".join(pieces), result


def names(content: bytes) -> list[bytes]:
    found: list[Header] = []
    scan = TarScan(found.append)
    scan.feed(content)
    scan.close()
    return [header.name for header in found]


@dataclass(frozen=True, slots=True)
class Overlay:
    """A container's files: an image below, its changes above, and both together."""

    lower: Path
    upper: Path
    merged: Path
    work: Path

    def listed(self) -> list[str]:
        with opened(self.upper) as upper, opened(self.lower) as lower:
            return [f"{change.kind.value} {os.fsdecode(change.path)}" for change in changes(upper, lower)]

    def layer(self, *, blind: bool = False) -> tuple[bytes, Written]:
        with opened(self.upper) as upper, opened(self.lower) as lower:
            return written(lambda writer: write_upper(upper, None if blind else lower, writer))

    def applied(self, *, blind: bool = False) -> dict[str, Seen]:
        """The image with the changes' layer over it."""
        root = self.work / f"applied-{blind}"
        root.mkdir()
        apply_all(root, IMAGE)
        apply(root, self.layer(blind=blind)[0])
        return rootless(root)


def rootless(root: Path) -> dict[str, Seen]:
    return {name: seen for name, seen in look(root).items() if name != "."}


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Overlay]:
    found = Overlay(tmp_path / "lower", tmp_path / "upper", tmp_path / "merged", tmp_path)
    for path in (found.lower, found.upper, found.merged, tmp_path / "work"):
        path.mkdir()
    apply_all(found.lower, IMAGE)
    options = f"lowerdir={found.lower},upperdir={found.upper},workdir={tmp_path / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", str(found.merged)], check=True)
    yield found
    subprocess.run(["umount", str(found.merged)], check=True)


def nothing(root: Path) -> None:
    pass


def opened_for_writing(root: Path) -> None:
    for name in ("etc/passwd", "a"):
        os.close(os.open(root / name, os.O_RDWR))


def there_and_back(root: Path) -> None:
    (root / "etc/passwd").chmod(0o600)
    (root / "etc/passwd").chmod(0o644)
    (root / "new").write_bytes(b"")
    (root / "new").unlink()


def edit(root: Path) -> None:
    with (root / "etc/passwd").open("ab") as passwd:
        passwd.write(b"user")


def edit_in_secret(root: Path) -> None:
    before = (root / "etc/passwd").stat()
    (root / "etc/passwd").write_bytes(b"toor")
    os.utime(root / "etc/passwd", ns=(before.st_atime_ns, before.st_mtime_ns))


def attributes(root: Path) -> None:
    os.setxattr(root / "etc/passwd", "user.a", b"2")
    (root / "etc/group").chmod(0o4755)
    os.chown(root / "link", 5, 6, follow_symlinks=False)
    (root / "var").chmod(0o700)


def add(root: Path) -> None:
    (root / "etc/new").mkdir(mode=0o750)
    (root / "etc/new/ü\udcff").write_bytes(b"odd")
    os.mkfifo(root / "etc/new/fifo")
    os.mknod(root / "etc/new/dev", 0o060600, os.makedev(7, 300))
    (root / "etc/new/link").symlink_to("/nowhere")
    os.setxattr(root / "etc/new", "user.note", b"n")


def remove(root: Path) -> None:
    (root / "etc/passwd").unlink()
    shutil.rmtree(root / "var/lib")
    (root / "link").unlink()


def put_back(root: Path) -> None:
    shutil.rmtree(root / "var/lib")
    (root / "var/lib").mkdir()
    (root / "var/lib/two").write_bytes(b"2")
    (root / "var/lib/sub").mkdir()
    (root / "var/lib/sub/four").write_bytes(b"4")


def change_kinds(root: Path) -> None:
    shutil.rmtree(root / "etc/deep")
    (root / "etc/deep").write_bytes(b"a file")
    (root / "fifo").unlink()
    (root / "fifo").mkdir()
    (root / "fifo/in").write_bytes(b"")
    (root / "link").unlink()
    (root / "link").symlink_to("var")
    (root / "null").unlink()
    os.mknod(root / "null", 0o020600, os.makedev(1, 5))


def links(root: Path) -> None:
    (root / "etc/group2").hardlink_to(root / "etc/group")
    (root / "new1").write_bytes(b"new")
    (root / "var/new2").hardlink_to(root / "new1")
    (root / "c").hardlink_to(root / "b")


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        (nothing, []),
        (opened_for_writing, []),
        (there_and_back, []),
        (edit, ["C etc", "C etc/passwd"]),
        (edit_in_secret, ["C etc", "C etc/passwd"]),
        (attributes, ["C etc", "C etc/group", "C etc/passwd", "C link", "C var"]),
        (
            add,
            ["C etc", "A etc/new", "A etc/new/dev", "A etc/new/fifo", "A etc/new/link", "A etc/new/ü\udcff"],
        ),
        (remove, ["C etc", "D etc/passwd", "D link", "C var", "D var/lib"]),
        (
            put_back,
            [
                *("C var", "C var/lib", "D var/lib/one", "C var/lib/sub"),
                *("A var/lib/sub/four", "D var/lib/sub/three", "C var/lib/two"),
            ],
        ),
        (change_kinds, ["C etc", "C etc/deep", "C fifo", "A fifo/in", "C link", "C null"]),
        (links, ["C b", "A c", "C etc", "C etc/group", "A etc/group2", "A new1", "C var", "A var/new2"]),
    ],
)
def test_changes_of_a_container(overlay: Overlay, change: Callable[[Path], None], listed: list[str]) -> None:
    change(overlay.merged)
    assert overlay.listed() == listed
    content, result = overlay.layer()
    assert result.notes == ()
    there = rootless(overlay.merged)
    if change is opened_for_writing:  # overlay unlinks what it copies up; that alone is no change
        there["b"] = replace(there["b"], first_name="a")
    if change is links:
        there["b"], there["c"] = (replace(there[name], first_name="b") for name in ("b", "c"))
    assert overlay.applied() == there
    assert overlay.layer()[0] == content
    if not listed and change is not there_and_back:
        assert result.entries == 0
    # Where it is not known what is below, all of the upper directory counts.
    blind = overlay.applied(blind=True)
    assert blind.keys() == there.keys()
    assert {name: seen.content for name, seen in blind.items()} == {
        name: seen.content for name, seen in there.items()
    }


def test_the_layer_of_a_container_is_understood_by_umoci(overlay: Overlay, tmp_path: Path) -> None:
    for change in (add, remove, change_kinds):
        if change is change_kinds:
            (overlay.merged / "link").symlink_to("x")
        change(overlay.merged)
    theirs = rootless(umoci_unpack(tmp_path, layer(*IMAGE), overlay.layer()[0]))
    ours = rootless(overlay.merged)
    # Umoci does not put back the time of a folder from which a whiteout took something.
    for tree in (ours, theirs):
        for name, seen in tree.items():
            tree[name] = replace(seen, mtime=0) if seen.kind == "folder" else seen
    assert theirs == ours


def test_what_cannot_be_in_a_layer_is_noted(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / ".wh.name").write_bytes(b"")
    (tmp_path / "kept").write_bytes(b"")
    with socket.socket(socket.AF_UNIX) as server, opened(tmp_path) as root:
        server.bind(str(tmp_path / "socket"))
        content, result = written(lambda writer: write_tree(root, writer))
    assert names(content) == [b"kept"]
    assert [note.partition(" skipped")[0] for note in result.notes] == ["'.wh.name'", "'socket'"]


def test_a_whole_tree_is_the_same_bytes_wherever_it_lies(tmp_path: Path) -> None:
    contents = set()
    for at, entries in enumerate((IMAGE, IMAGE[:4] + IMAGE[4:][:1] + IMAGE[5:])):
        root = tmp_path / str(at)
        root.mkdir()
        apply_all(root, entries)
        os.utime(root, ns=(at, at))
        with opened(root) as handle:
            contents.add(written(lambda writer: write_tree(handle, writer))[0])
    assert len(contents) == 1
    (tmp_path / "again").mkdir()
    apply(tmp_path / "again", contents.pop())
    assert rootless(tmp_path / "again") == rootless(tmp_path / "0")


def test_a_root_is_described_where_it_is_unusual(tmp_path: Path) -> None:
    for name, mode in (("plain", 0o755), ("odd", 0o1777)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        with opened(tmp_path / name) as root:
            content, result = written(lambda writer: write_tree(root, writer))
        assert (names(content), result.entries) == (([], 0) if name == "plain" else ([b"./"], 1))
    with opened(tmp_path / "plain") as old, opened(tmp_path / "odd") as new:
        content, _ = written(lambda writer: write_difference(old, new, writer))
    (tmp_path / "made").mkdir()
    apply(tmp_path / "made", content)
    assert look(tmp_path / "made")["."].mode == 0o1777


def test_links_that_come_and_go_between_trees(tmp_path: Path) -> None:
    for name in ("old", "new", "made"):
        (tmp_path / name).mkdir()
    apply_all(
        tmp_path / "old", (file("a"), hard_link("b", "a"), file("c"), file("d"), file("e"), hard_link("f", "e"))
    )
    apply_all(
        tmp_path / "new", (file("a"), file("b"), file("c"), hard_link("d", "c"), file("e"), hard_link("f", "e"))
    )
    with opened(tmp_path / "old") as old, opened(tmp_path / "new") as new:
        content, _ = written(lambda writer: write_difference(old, new, writer))
    assert names(content) == [b"a", b"b", b"c", b"d"]
    apply_all(
        tmp_path / "made",
        (file("a"), hard_link("b", "a"), file("c"), file("d"), file("e"), hard_link("f", "e")),
    )
    apply(tmp_path / "made", content)
    assert rootless(tmp_path / "made") == rootless(tmp_path / "new")


def test_times_can_be_trusted(tmp_path: Path) -> None:
    for name, text in (("old", b"1"), ("new", b"2")):
        (tmp_path / name).mkdir()
        apply_all(tmp_path / name, (file("f", text),))
    with opened(tmp_path / "old") as old, opened(tmp_path / "new") as new:
        for trust, wanted in ((True, []), (False, [b"f"])):
            content, _ = written(lambda writer: write_difference(old, new, writer, trust_times=trust))  # noqa: B023
            assert names(content) == wanted


def test_folders_deeper_than_a_path_may_be_long(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    deep = "/".join(["d" * 200] * 40)
    here = os.open(tmp_path, os.O_RDONLY)
    for part in deep.split("/"):
        os.mkdir(part, dir_fd=here)
        below = os.open(part, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    with opened(tmp_path) as root:
        content, result = written(lambda writer: write_tree(root, writer))
    assert result.entries == 41
    made = tmp_path / "made"
    made.mkdir()
    assert apply(made, content, MERGED).entries == 41


def test_descriptors_are_closed(overlay: Overlay) -> None:
    before = os.listdir("/proc/self/fd")
    add(overlay.merged)
    overlay.layer()
    overlay.listed()
    assert os.listdir("/proc/self/fd") == before


def test_links_of_a_lower_directory_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_bytes(b"secret")
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "old" / "l").symlink_to(secret)
    (tmp_path / "new" / "l").mkdir()
    (tmp_path / "new" / "l" / "file").write_bytes(b"secret")
    with opened(tmp_path / "old") as old, opened(tmp_path / "new") as new:
        found = written(lambda writer: write_difference(old, new, writer))[0]
    assert names(found) == [b"l/", b"l/file"]
