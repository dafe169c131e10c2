"""Nothing outside the root is touched, whatever a layer says, and whoever unpacks it."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostile_layers import Layers, make_ground, shapes, unharmed
from layer_trees import MERGED, OVERLAY, Entry, apply, apply_all, file, folder, kinds, layer, look, opened
from shale.errors import ShaleError
from shale.layer.apply import TreeWriter
from shale.layer.field import InvalidTar
from shale.layer.rules import ApplyRules, Whiteouts
from shared_vectors import VECTORS
from unit.layer.archives import END, block

RULES = {"merged": MERGED, "overlay": OVERLAY}
NAMES = sorted(shapes("/x/victim"))
NOBODY = 65534
REFUSED = {
    "device beyond numbers",
    "hard link down and out",
    "hard link far",
    "hard link relative",
    "host",
    "long name",
    "many symlinks",
    "name beside the root",
    "name deep up",
    "name far up",
    "name slash up",
    "name up",
    "root as target",
    "root made a file",
    "root made a hard link",
    "root made a symlink (CVE-2021-29136)",
    "root made a symlink, empty name",
    "root made a symlink, slash",
    "symlinks in circles",
    "whiteout of above",
    "whiteout of the root",
    "whiteout of the root's folder",
    "whiteout up",
    "whiteout with an empty name (CVE-2026-79699)",
}
"""What is an error whatever there is in the root. Links to what is not there are errors when merging, too."""


def unpack(root: int, layers: Layers, rules: ApplyRules) -> bool:
    """Whether all layers were taken."""
    try:
        for entries in layers:
            with TreeWriter(root, rules) as writer:
                writer.feed(layer(*entries))
                writer.finish()
    except ShaleError:
        return False
    return True


def unpack_as_nobody(root: int, layers: Layers) -> bool:
    """The same, merging, in a process of a user who owns nothing but the root."""
    child = os.fork()
    if not child:
        status = 2
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            rules = ApplyRules(Whiteouts.REMOVE, keep_owner=False, make_devices=False)
            status = 0 if unpack(root, layers, rules) else 1
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 1)
    return status == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rules", RULES)
def test_nothing_outside_is_touched(tmp_path: Path, name: str, rules: str) -> None:
    ground = make_ground(tmp_path)
    layers = shapes(str(ground.victim))[name]
    with unharmed(ground):
        with opened(ground.root) as root:
            taken = unpack(root, layers, RULES[rules])
        if name in REFUSED:
            assert not taken
        if rules == "overlay":
            assert taken == (name not in REFUSED)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_outside_is_touched_by_an_ordinary_user(tmp_path: Path, name: str) -> None:
    ground = make_ground(tmp_path)
    layers = shapes(str(ground.victim))[name]
    os.chown(ground.root, NOBODY, NOBODY)
    with unharmed(ground), opened(ground.root) as root:
        taken = unpack_as_nobody(root, layers)
    assert not (taken and name in REFUSED)


def test_an_ordinary_user_gets_modes_that_forbid_writing(tmp_path: Path) -> None:
    """Folders of mode 0555 and 0000 are filled, and changed by a later layer, all the same."""
    os.chown(tmp_path, NOBODY, NOBODY)
    first = (
        folder("ro", 0o555),
        file("ro/f"),
        folder("ro/no", 0),
        file("ro/no/f"),
        folder("gone", 0o500),
        folder("gone/no", 0),
        file("gone/no/f"),
    )
    second = (file("ro/no/g"), file("ro/.wh.f"), file(".wh.gone"))
    with opened(tmp_path) as root:
        assert unpack_as_nobody(root, [first, second])
    seen = look(tmp_path)
    assert set(seen) == {".", "ro", "ro/no", "ro/no/f", "ro/no/g"}
    assert (seen["ro"].mode, seen["ro/no"].mode) == (0o555, 0)


def test_a_folder_that_another_process_moves_is_not_followed(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    with unharmed(ground), opened(ground.root) as root, TreeWriter(root, MERGED) as writer:
        content = layer(file("d/e/1"), file("x/2"), file("d/e/3"), file("d/e/.wh.hello"))
        cut = content.index(b"x/2\0")
        writer.feed(content[:cut])
        os.rename(ground.root / "d", ground.root / "moved")
        (ground.root / "d").symlink_to(ground.victim.parent)
        (ground.victim.parent / "root" / "e").symlink_to(ground.victim)
        writer.feed(content[cut:])
        writer.finish()
    assert (ground.root / "moved/e/3").exists()


def tables(name: str) -> list[dict[str, Any]]:
    loaded: dict[str, Any] = json.loads((VECTORS / "go-archive" / f"{name}.json").read_text())
    found: list[dict[str, Any]] = loaded["tables"]
    return found


def entries_of(case: list[dict[str, Any]]) -> list[Entry]:
    return [
        Entry(
            one["Name"],
            str(one.get("Typeflag", "0")).encode(),
            mode=one.get("Mode", 0o644),
            link=one.get("Linkname", ""),
        )
        for one in case
    ]


BREAKOUTS = [
    pytest.param(case if isinstance(case, list) else [case], id=f"{table['func']}-{at}")
    for name in ("untar", "diff_apply")
    for table in tables(name)
    if table["var"] == "range" and "Invalid" in table["func"]
    for at, case in enumerate(table["cases"])
] + [pytest.param(table["cases"], id=table["func"])
     for table in tables("untar") if table["func"] == "TestUntarSymlinkBreakout"]  # fmt: skip


@pytest.mark.parametrize("case", BREAKOUTS)
@pytest.mark.parametrize("rules", RULES)
def test_breakouts_of_go_archive(tmp_path: Path, case: list[dict[str, Any]], rules: str) -> None:
    ground = make_ground(tmp_path)
    with unharmed(ground), opened(ground.root) as root:
        unpack(root, [entries_of(case)], RULES[rules])


def test_whiteouts_of_go_archive(tmp_path: Path) -> None:
    (table,) = (one for one in tables("diff_apply") if one["var"] == "tcases")
    for case in table["cases"]:
        entries = [
            Entry(name, tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE, mode=0o755)
            for name in case["change"]
        ]
        apply(tmp_path, layer(*entries))
        found = {name + ("/" if kind == "folder" else "") for name, kind in kinds(tmp_path).items()}
        assert found == set(case["expected"])


def test_implied_folders_of_go_archive(tmp_path: Path) -> None:
    below, *_ = (one for one in tables("untar_unix") if "ThroughLowerLayerSymlink" in one["func"])
    apply(tmp_path, layer(*entries_of(below["cases"])))
    apply(tmp_path, layer(file("lib/new/file")))
    assert set(look(tmp_path)) == {".", "usr", "usr/lib", "lib", "usr/lib/new", "usr/lib/new/file"}


@pytest.mark.parametrize(
    "name",
    ["gnu.tar", "star.tar", "v7.tar", "hardlink.tar", "gnu-nil-sparse-hole.tar", "pax-nil-sparse-data.tar"],
)
def test_archives_of_go_are_unpacked_as_gnu_tar_does(tmp_path: Path, name: str) -> None:
    content = (VECTORS / "go-archive-tar" / "testdata" / name).read_bytes()
    for sub in ("ours", "theirs"):
        (tmp_path / sub).mkdir()
    apply(tmp_path / "ours", content)
    (tmp_path / "tar").write_bytes(content)
    command = ["tar", "--numeric-owner", "-xpf", str(tmp_path / "tar"), "-C", str(tmp_path / "theirs")]
    subprocess.run(command, check=True, capture_output=True)
    ours, theirs = look(tmp_path / "ours"), look(tmp_path / "theirs")
    for tree in (ours, theirs):
        tree["."] = replace(tree["."], mtime=0)
    assert ours == theirs


@pytest.mark.parametrize("size", [2**63 - 1, 16 * 2**40 + 1])
def test_sizes_that_no_disk_has(tmp_path: Path, size: int) -> None:
    content = block(b"f", b"\x80" + size.to_bytes(11, "big")) + END
    with pytest.raises(ShaleError, match="file of"):
        apply(tmp_path, content)


def test_names_that_lie_about_where_they_end(tmp_path: Path) -> None:
    with pytest.raises(InvalidTar):
        apply(tmp_path, block(b"a" * 100, 0, magic=b"ustar\x0000" + bytes(80) + b"../..") + END)


def test_a_hard_link_does_not_open_the_way_into_a_lower_file(tmp_path: Path) -> None:
    """An inode that layers share is replaced, never written or changed (trials ML-3)."""
    apply_all(tmp_path, (file("a", b"below", mode=0o600),))
    kept = os.open(tmp_path / "a", os.O_RDONLY)
    before = os.fstat(kept)
    apply_all(
        tmp_path, (Entry("b", tarfile.LNKTYPE, link="a", mode=0o777, uid=9), file("b", b"x"), file("a", b"y"))
    )
    after = os.fstat(kept)
    assert (os.read(kept, 10), after.st_mode, after.st_uid, after.st_mtime_ns) == (
        b"below", before.st_mode, before.st_uid, before.st_mtime_ns
    )  # fmt: skip
    os.close(kept)
