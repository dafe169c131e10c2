"""Every kind of entry, as it is put on disk."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from layer_trees import (
    MERGED,
    MOMENT,
    OVERLAY,
    Entry,
    apply,
    device,
    fifo,
    file,
    folder,
    hard_link,
    kinds,
    layer,
    look,
    opened,
    symlink,
)
from shale.errors import Exhausted, Invalid, Unsupported
from shale.layer.apply import CannotHold, TreeWriter
from shale.layer.compression import Decompressor, OutputLimit
from shale.layer.field import InvalidTar, TruncatedTar
from shale.layer.limits import LayerLimits, LayerTooLarge
from shale.layer.openfolders import MOST_OPEN
from shale.layer.rules import ApplyRules, Whiteouts
from unit.layer.archives import END, block, body, records

BOTH = pytest.mark.parametrize("rules", [MERGED, OVERLAY], ids=["merged", "overlay"])


@BOTH
@pytest.mark.parametrize("step", [1, 512, 700, 1 << 20])
def test_all_kinds_with_all_they_have(tmp_path: Path, rules: ApplyRules, step: int) -> None:
    entries = (
        folder("./", 0o711, uid=3, gid=4, mtime=MOMENT + 0.25),
        folder("etc", 0o2775, uid=1, gid=2, xattrs={"user.a": b"1"}),
        file("etc/passwd", b"root" * 300, mode=0o640, uid=7, gid=70_000, xattrs={"user.b": b"raw \n \xff"}),
        file("etc/empty", mtime=-5),
        file("etc/su", b"#!", mode=0o6755, uid=5),
        symlink("etc/link", "../nowhere", uid=9, xattrs={"trusted.l": b"x"}),
        hard_link("etc/hard", "etc/passwd"),
        hard_link("etc/hardsym", "etc/link"),
        fifo("etc/fifo", mode=0o4600, uid=11),
        device("etc/null", tarfile.CHRTYPE, 1, 3, mode=0o666),
        device("etc/disk", tarfile.BLKTYPE, 4095, (1 << 20) - 1, gid=6),
        folder("etc/sticky", 0o1777, mtime=2**33),
        file("etc/\udcff\n\x1b", b"odd"),
    )
    applied = apply(tmp_path, layer(*entries), rules, step)
    seen = look(tmp_path)
    assert (applied.entries, applied.loose, applied.notes) == (len(entries), False, ())
    named = {entry.name.rstrip("/") if entry.name != "./" else ".": entry for entry in entries}
    assert set(seen) == set(named)
    for name, entry in named.items():
        found = seen[name]
        if entry.kind == tarfile.LNKTYPE:
            assert found == seen[entry.link] or found.first_name in (name, entry.link)
            continue
        assert found.owner == (entry.uid, entry.gid), name
        assert found.mtime == round(entry.mtime * 4) * 250_000_000, name
        assert found.xattrs == tuple(entry.xattrs.items()), name
        assert found.device == entry.device, name
        if entry.kind != tarfile.SYMTYPE:
            assert found.mode == entry.mode, name
    assert (tmp_path / "etc/passwd").read_bytes() == b"root" * 300
    assert seen["etc/link"].content == "../nowhere"
    assert seen["etc/hardsym"].kind == "symlink"
    assert (tmp_path / "etc/passwd").stat().st_nlink == 2
    assert not rules.keep_owner or stat.S_ISFIFO((tmp_path / "etc/fifo").stat().st_mode)


def test_capabilities_survive_owner_and_bytes(tmp_path: Path) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    apply(
        tmp_path, layer(file("ping", b"x" * 9, uid=5, mode=0o755, xattrs={"security.capability": capability}))
    )
    assert os.getxattr(tmp_path / "ping", "security.capability") == capability
    assert (tmp_path / "ping").read_bytes() == b"x" * 9


@BOTH
def test_orders_to_overlay_are_left_out(tmp_path: Path, rules: ApplyRules) -> None:
    orders = {
        "trusted.overlay.redirect": b"/etc",
        "trusted.overlay.opaque": b"y",
        "user.overlay.metacopy": b"",
        "user.overlay.opaque": b"y",
        "user.kept": b"1",
    }
    apply(
        tmp_path, layer(folder("d", xattrs=orders), file("f", xattrs=orders), folder(".", xattrs=orders)), rules
    )
    assert {seen.xattrs for seen in look(tmp_path).values()} == {(("user.kept", b"1"),)}


def test_an_attribute_that_may_not_be_set_is_noted(tmp_path: Path) -> None:
    applied = apply(tmp_path, layer(*(file(f"f{at}", xattrs={"unknown.a": b"1"}) for at in range(103))))
    assert len(applied.notes) == 101
    assert "unknown.a" in applied.notes[0]
    assert applied.notes[-1] == "and 3 more like these"


def test_an_attribute_that_is_too_large_for_the_file_system_is_noted(tmp_path: Path) -> None:
    """Ext4 holds 4 KiB of them for a file, others all that Linux allows."""
    value = bytes(65536)
    applied = apply(tmp_path, layer(file("f", b"x", xattrs={"user.large": value})))
    kept = look(tmp_path)["f"].xattrs == (("user.large", value),)
    assert kept or [note.partition(" of ")[0] for note in applied.notes] == ["attribute 'user.large'"]


def test_lists_of_access_do_not_spill(tmp_path: Path) -> None:
    default = bytes.fromhex("0200000001000700ffffffff04000500ffffffff20000500ffffffff")
    entries = (
        folder("d", xattrs={"system.posix_acl_default": default}),
        file("d/f", mode=0o666),
        folder("d/sub"),
    )
    apply(tmp_path, layer(*entries))
    assert os.getxattr(tmp_path / "d", "system.posix_acl_default") == default
    assert os.listxattr(tmp_path / "d/sub") == os.listxattr(tmp_path / "d/f") == []
    assert (tmp_path / "d/f").stat().st_mode & 0o777 == 0o666


def test_a_set_group_of_a_folder_does_not_spill(tmp_path: Path) -> None:
    apply(tmp_path, layer(folder("d", 0o2775, gid=50)))
    apply(tmp_path, layer(file("d/f"), folder("d/sub"), symlink("d/l", "x"), file("d/i/f")))
    seen = look(tmp_path)
    assert {seen[name].owner for name in ("d/f", "d/sub", "d/l", "d/i", "d/i/f")} == {(0, 0)}
    assert (seen["d"].mode, seen["d/sub"].mode, seen["d/i"].mode) == (0o2775, 0o755, 0o755)


def test_the_umask_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        apply(tmp_path, layer(file("f", mode=0o666), folder("d", 0o777), fifo("p", mode=0o622)))
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o7777 for name in "fdp"] == [0o666, 0o777, 0o622]


@BOTH
def test_folders_that_are_only_implied(tmp_path: Path, rules: ApplyRules) -> None:
    applied = apply(tmp_path, layer(folder("."), file("a/b/f", uid=5)), rules)
    # Where layers below are in the tree, nothing of them is hidden.
    assert applied.loose == (rules is OVERLAY)
    for name in ("a", "a/b"):
        seen = look(tmp_path)[name]
        assert (seen.kind, seen.mode, seen.owner, seen.mtime) == ("folder", 0o755, (0, 0), 0)


def test_times_of_folders_below_are_kept(tmp_path: Path) -> None:
    apply(
        tmp_path,
        layer(folder("a", mtime=5), folder("a/b", 0o700, mtime=6, uid=3), file("a/b/old"), folder("x")),
    )
    apply(tmp_path, layer(file("a/b/new"), file("a/b/.wh.old"), file(".wh.x")))
    seen = look(tmp_path)
    assert set(seen) == {".", "a", "a/b", "a/b/new"}
    assert (seen["a"].mtime, seen["a/b"].mtime) == (5 * 10**9, 6 * 10**9)
    assert (seen["a/b"].mode, seen["a/b"].owner) == (0o700, (3, 0))


@BOTH
def test_a_later_entry_replaces(tmp_path: Path, rules: ApplyRules) -> None:
    entries = (
        folder("d", 0o700, xattrs={"user.gone": b""}, uid=4),
        file("d/kept", b"1"),
        folder("d", 0o711, xattrs={"user.new": b"2"}),
        file("f", b"first", uid=4, xattrs={"user.gone": b""}),
        hard_link("other", "f"),
        file("f", b"2"),
        folder("was-folder"),
        file("was-folder/in"),
        file("was-folder", b"now a file"),
        file("was-file"),
        file("was-file/in", b"now in a folder"),
        symlink("s", "d"),
        symlink("s", "f"),
        fifo("p"),
        file("p", b"not through the fifo"),
    )
    apply(tmp_path, layer(*entries), rules)
    seen = look(tmp_path)
    assert (seen["d"].mode, seen["d"].owner, seen["d"].xattrs) == (0o711, (0, 0), (("user.new", b"2"),))
    assert "d/kept" in seen
    assert (tmp_path / "f").read_bytes() == b"2"
    assert (seen["f"].owner, seen["f"].xattrs) == ((0, 0), ())
    assert (tmp_path / "other").read_bytes() == b"first"
    assert seen["other"].owner == (4, 0)
    assert (tmp_path / "was-folder").read_bytes() == b"now a file"
    assert (tmp_path / "was-file/in").read_bytes() == b"now in a folder"
    assert kinds(tmp_path)["was-file"] == ("folder" if rules is MERGED else "opaque")
    assert seen["s"].content == "f"
    assert seen["p"].kind == "file"


@BOTH
def test_a_hard_link_leaves_what_it_links_to_alone(tmp_path: Path, rules: ApplyRules) -> None:
    apply(tmp_path, layer(file("a", b"1", mode=0o600, uid=3), hard_link("b", "a", mode=0o777, uid=9)), rules)
    seen = look(tmp_path)
    assert (seen["b"].mode, seen["b"].owner, seen["b"].mtime) == (0o600, (3, 0), MOMENT * 10**9)


def test_a_hard_link_to_a_layer_below(tmp_path: Path) -> None:
    apply(tmp_path, layer(file("a", b"1", mode=0o600, uid=3)))
    applied = apply(tmp_path, layer(hard_link("b", "/a"), file("a", b"2")))
    assert not applied.loose
    assert (tmp_path / "b").read_bytes() == b"1"
    assert look(tmp_path)["b"].owner == (3, 0)


def test_hard_links_that_take_a_place(tmp_path: Path) -> None:
    entries = (
        file("f", b"1"),
        file("g"),
        hard_link("g", "f"),
        hard_link("g", "f"),
        folder("d"),
        hard_link("d", "f"),
    )
    apply(tmp_path, layer(*entries))
    assert kinds(tmp_path) == {"f": "file", "d": "file", "g": "file"}
    assert (tmp_path / "f").stat().st_nlink == 3


@pytest.mark.parametrize(
    "entries", [(file("f"), hard_link("f", "./f")), (folder("f"), file("f/in"), hard_link("f", "f/in"))]
)
def test_hard_links_whose_target_they_replace(tmp_path: Path, entries: tuple[Entry, ...]) -> None:
    with pytest.raises(InvalidTar, match="not there"):
        apply(tmp_path, layer(*entries))
    (tmp_path / "over").mkdir()
    assert apply(tmp_path / "over", layer(*entries), OVERLAY).loose
    assert kinds(tmp_path / "over") == {}


def test_a_hard_link_to_nothing(tmp_path: Path) -> None:
    content = layer(folder("d"), file("d/b"), hard_link("d/b", "elsewhere/a"))
    with pytest.raises(InvalidTar, match="not there"):
        apply(tmp_path, content)
    (tmp_path / "over").mkdir()
    applied = apply(tmp_path / "over", content, OVERLAY)
    assert applied.loose
    assert kinds(tmp_path / "over") == {"d": "folder"}


@BOTH
@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((folder("d"), hard_link("l", "d")), "to a folder"),
        ((folder("d"), hard_link("l", "/")), "to a folder"),
        ((hard_link("l", "../f"),), "leads out"),
        ((symlink("l", ""),), "target of 0 bytes"),
        ((symlink("l", "x" * 4096),), "target of 4096 bytes"),
        ((Entry("odd", b"Z"),), "type that is not known"),
        ((Entry("odd", b"D"),), "type that is not known"),
        ((device("d", tarfile.CHRTYPE, 4096, 1),), "4096:1"),
        ((device("d", tarfile.BLKTYPE, 1, 1 << 20),), "1:1048576"),
        ((file("f", uid=2**32 - 1),), "no owner"),
        ((folder("f", gid=2**32),), "no owner"),
        ((symlink("f", "x", uid=-1),), "no owner"),
        ((file("f", xattrs={"user." + "n" * 251: b""}),), "an attribute with the name"),
        ((file("f", xattrs={"user.v": bytes(65537)}),), "has 65537 bytes"),
        ((file("n" * 256),), "255 bytes"),
        ((file("x/" * 1024 + "f"),), "deeper than 1024"),
        ((symlink("l", "l"), file("l/x")), "too many symbolic links"),
        ((symlink("a", "b"), symlink("b", "a/c"), file("a/x")), "too many symbolic links"),
    ],
)
def test_what_is_refused(tmp_path: Path, rules: ApplyRules, entries: tuple[Entry, ...], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        apply(tmp_path, layer(*entries), rules)


@pytest.mark.parametrize("name", ["", ".", "/", "./", "/.", "//", "x/..", "x/../."])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
@BOTH
def test_the_root_stays_a_folder(tmp_path: Path, rules: ApplyRules, name: str, kind: bytes) -> None:
    with pytest.raises(InvalidTar, match="the root"):
        apply(tmp_path, layer(file("f"), Entry(name, kind, link="f")), rules)
    assert tmp_path.is_dir()


@pytest.mark.parametrize(
    "name",
    ["usr/lib/x", "./usr//lib/x", "/usr/lib/x", "usr/./lib/x", "usr/y/../lib/x", "lib/x", "usr/up/lib/x"],
)
@BOTH
def test_ways_to_one_file(tmp_path: Path, rules: ApplyRules, name: str) -> None:
    entries = (folder("usr"), folder("usr/lib"), symlink("lib", "/usr/lib"), symlink("usr/up", "../../../usr"))
    applied = apply(tmp_path, layer(*entries, file(name, b"1")), rules)
    assert (tmp_path / "usr/lib/x").read_bytes() == b"1"
    assert set(look(tmp_path)) == {".", "usr", "usr/lib", "usr/lib/x", "lib", "usr/up"}
    assert not applied.loose


@BOTH
def test_a_link_on_the_way_is_looked_at_each_time(tmp_path: Path, rules: ApplyRules) -> None:
    entries = (
        folder("a"),
        folder("b"),
        symlink("l", "a"),
        file("l/1"),
        symlink("l", "b"),
        file("l/2"),
        folder("l"),
        file("l/3"),
        file("l", b""),
        file("l/4"),
        symlink("dangling", "made/here"),
        file("dangling/5"),
    )
    apply(tmp_path, layer(*entries), rules)
    found = {name for name in look(tmp_path) if name[-1].isdigit()}
    assert found == {"a/1", "b/2", "l/4", "made/here/5"}


def test_more_folders_than_stay_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    count = 3 * MOST_OPEN
    deep = [folder("/".join(["d"] * depth), 0o700 + depth % 8) for depth in range(1, count)]
    wide = [folder(f"w{at}") for at in range(count)]
    files = [file(f"w{at}/f{turn}", b"x") for turn in range(2) for at in range(count)]
    links = [hard_link(f"w{at}/deep", "d/" * (count - 2) + "f") for at in range(3)]
    content = layer(*deep, *wide, file("d/" * (count - 2) + "f", b"deep"), *files, *links)
    with opened(tmp_path) as root, TreeWriter(root, OVERLAY) as writer:
        writer.feed(content)
        assert len(os.listdir("/proc/self/fd")) <= before + MOST_OPEN + 4
        writer.finish()
    assert len(os.listdir("/proc/self/fd")) == before
    assert (tmp_path / "w1/deep").read_bytes() == b"deep"
    assert look(tmp_path)["d/d/d"].mode == 0o703


def sparse(tmp_path: Path, form: str) -> bytes:
    with (tmp_path / "holes").open("wb") as made:
        made.truncate(1 << 22)
        for at in (1 << 16, 3 << 20):
            made.seek(at)
            made.write(os.urandom(5000))
    command = ["tar", "--sparse", "--format=posix", form, "-C", str(tmp_path), "-c", "holes"]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    "form", ["--format=gnu", "--sparse-version=0.0", "--sparse-version=0.1", "--sparse-version=1.0"]
)
@pytest.mark.parametrize("step", [100, 1 << 20])
def test_holes_stay_holes(tmp_path: Path, form: str, step: int) -> None:
    content = sparse(tmp_path, form)
    (tmp_path / "root").mkdir()
    apply(tmp_path / "root", content, step=step)
    made = tmp_path / "root" / "holes"
    assert made.read_bytes() == (tmp_path / "holes").read_bytes()
    assert made.stat().st_blocks * 512 < 1 << 18


def test_a_file_that_is_all_hole(tmp_path: Path) -> None:
    content = records((b"GNU.sparse.major", b"0"), (b"GNU.sparse.minor", b"1"), (b"GNU.sparse.numblocks", b"0"),
                      (b"GNU.sparse.size", b"1000000")) + block(b"f") + END  # fmt: skip
    apply(tmp_path, content)
    assert (tmp_path / "f").stat().st_size == 1_000_000


def test_owners_that_are_not_kept(tmp_path: Path) -> None:
    rules = replace(MERGED, keep_owner=False)
    entries = (
        file("su", mode=0o6755, uid=5),
        folder("d", 0o3777, gid=7),
        fifo("p", mode=0o4644, uid=3),
        file("i/f"),
    )
    apply(tmp_path, layer(*entries), rules)
    seen = look(tmp_path)
    assert {one.owner for one in seen.values()} == {(os.geteuid(), os.getegid())}
    assert (seen["su"].mode, seen["d"].mode, seen["p"].mode) == (0o755, 0o3777, 0o644)


def test_devices_that_are_not_made(tmp_path: Path) -> None:
    rules = replace(OVERLAY, make_devices=False)
    applied = apply(tmp_path, layer(device("sda", tarfile.BLKTYPE, 8, 0), file(".wh.gone"), fifo("p")), rules)
    assert kinds(tmp_path) == {"gone": "whiteout", "p": "fifo"}
    assert applied.notes == ("device 'sda' skipped: this user may not make it",)


def test_a_stream_that_was_cut(tmp_path: Path) -> None:
    with pytest.raises(TruncatedTar):
        apply(tmp_path, layer(file("f", b"x" * 600))[:1000])


def test_what_follows_the_archive_does_not_matter(tmp_path: Path) -> None:
    apply(tmp_path, layer(file("a")) + layer(file("b")))
    assert set(look(tmp_path)) == {".", "a"}


def test_entries_of_other_kinds_may_have_bodies(tmp_path: Path) -> None:
    content = block(b".wh.gone", 5) + body(b"bytes") + block(b"f", 1) + body(b"1") + END
    apply(tmp_path, content, OVERLAY)
    assert kinds(tmp_path) == {"gone": "whiteout", "f": "file"}
    assert (tmp_path / "f").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (LayerLimits(entries=5), "6 entries and more: at most 5"),
        (LayerLimits(tar_bytes=4000), "bytes and more: at most 4000"),
        (LayerLimits(file_bytes=10), "a file of 11 bytes"),
    ],
)
def test_limits(tmp_path: Path, limits: LayerLimits, words: str) -> None:
    content = layer(*(file(f"f{at}", bytes(11)) for at in range(6)))
    with pytest.raises(LayerTooLarge, match=words) as caught:
        apply(tmp_path, content, replace(MERGED, limits=limits), 512)
    assert isinstance(caught.value, Exhausted)


def test_how_far_a_layer_may_inflate() -> None:
    limits = LayerLimits(tar_bytes=1000, ratio=10, free_bytes=100)
    assert [limits.inflated(size) for size in (1, 10, 50, 99, 100, 5000)] == [100, 100, 500, 990, 1000, 1000]
    assert LayerLimits().inflated(1) == 2 << 30


def test_a_bomb_stops_where_the_limits_say(tmp_path: Path) -> None:
    """Zeros are packed a thousand to one; the two parts of an unpacker stop together."""
    bomb = gzip.compress(layer(file("zeros", bytes(30_000_000))))
    limits = LayerLimits(free_bytes=1 << 20, ratio=200)
    decompressor = Decompressor(limits.inflated(len(bomb)))
    with opened(tmp_path) as root, TreeWriter(root, replace(MERGED, limits=limits)) as writer:

        def unpack() -> None:
            for piece in decompressor.feed(bomb):
                writer.feed(piece)

        with pytest.raises(OutputLimit):
            unpack()
    assert (tmp_path / "zeros").stat().st_size <= max(1 << 20, 200 * len(bomb))


def test_the_disk_is_full(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], check=True)
    try:
        with pytest.raises(Exhausted, match=r"big.*no space left"):
            apply(small, layer(file("big", bytes(100_000))))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_names_of_whiteouts_become_what_overlay_knows(tmp_path: Path) -> None:
    rules = ApplyRules(Whiteouts.USER)
    apply(tmp_path, layer(folder("d"), file("d/.wh..wh..opq"), file(".wh.gone")), rules)
    assert os.getxattr(tmp_path / "d", "user.overlay.opaque") == b"y"
    assert kinds(tmp_path) == {"d": "opaque", "gone": "whiteout"}


def test_what_a_file_system_cannot_hold(tmp_path: Path) -> None:
    with opened(tmp_path) as root, TreeWriter(root, MERGED) as writer:
        writer.feed(layer(file("some/name")))
        with pytest.raises(CannotHold, match=r"some/name.*too many links.*cannot hold") as caught:
            writer._fail(OSError(errno.EMLINK, "too many links"))
    assert isinstance(caught.value, Unsupported)


IN_A_NAMESPACE = """
import os, sys
from layer_trees import apply, device, file, folder, layer
from shale.layer.attributes import OwnerNotMapped
from shale.layer.rules import ApplyRules, Whiteouts
from pathlib import Path

root, rules = Path(sys.argv[1]), ApplyRules(Whiteouts.USER, make_devices=False)
apply(root, layer(folder("d"), file("d/.wh..wh..opq"), file(".wh.gone"), device("null", b"3", 1, 3)), rules)
try:
    apply(root, layer(file("other", uid=5)), rules)
except OwnerNotMapped as problem:
    print(problem)
"""


def test_in_a_user_namespace_with_one_user(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", IN_A_NAMESPACE, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, env=environment, text=True)
    assert "'other' belongs to 5:0, which is not mapped" in done.stdout
    found = kinds(tmp_path)
    del found["other"]
    assert found == {"d": "opaque", "gone": "whiteout"}
