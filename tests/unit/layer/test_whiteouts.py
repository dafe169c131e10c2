"""Whiteouts, before and after what they meet, in both of their forms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layer_trees import (
    MERGED,
    OVERLAY,
    Entry,
    apply,
    apply_all,
    device,
    file,
    folder,
    kinds,
    layer,
    look,
    opened,
    symlink,
)
from shale.layer.apply import TreeWriter
from shale.layer.field import InvalidTar

BELOW = (folder("d"), file("d/old"), folder("d/sub"), file("d/sub/old"), file("f"), symlink("l", "d"))
OPQ = ".wh..wh..opq"


@pytest.mark.parametrize(
    ("entries", "overlay", "merged"),
    [
        ((file(".wh.f"),), {"f": "whiteout"}, {"d", "l", "d/old", "d/sub", "d/sub/old"}),
        ((file(".wh.d"),), {"d": "whiteout"}, {"f", "l"}),
        ((file(".wh.l"),), {"l": "whiteout"}, {"f", "d", "d/old", "d/sub", "d/sub/old"}),
        ((file(".wh.none"),), {"none": "whiteout"}, {"f", "l", "d", "d/old", "d/sub", "d/sub/old"}),
        (
            (folder("d"), file("d/.wh.old"), file("d/sub/.wh.old")),
            {"d": "folder", "d/old": "whiteout", "d/sub": "folder", "d/sub/old": "whiteout"},
            {"f", "l", "d", "d/sub"},
        ),
        # Through a link to where it leads.
        ((symlink("l", "d"), file("l/.wh.old")), None, {"f", "l", "d", "d/sub", "d/sub/old"}),
        # A name after its whiteout.
        ((file(".wh.f"), file("f")), {"f": "file"}, {"f", "l", "d", "d/old", "d/sub", "d/sub/old"}),
        (
            (file(".wh.d"), folder("d"), file("d/new")),
            {"d": "opaque", "d/new": "file"},
            {"f", "l", "d", "d/new"},
        ),
        ((file(".wh.d"), file("d/new")), {"d": "opaque", "d/new": "file"}, {"f", "l", "d", "d/new"}),
        # And before it: a whiteout is for layers below only (image-spec; as umoci, unlike containerd).
        ((file("f"), file(".wh.f")), {"f": "file"}, {"f", "l", "d", "d/old", "d/sub", "d/sub/old"}),
        (
            (folder("d"), file("d/new"), file(".wh.d"), file("d/2")),
            {"d": "opaque", "d/new": "file", "d/2": "file"},
            {"f", "l", "d", "d/new", "d/2"},
        ),
        ((file("d/sub/new"), file(".wh.d")), None, {"f", "l", "d", "d/sub", "d/sub/new"}),
        (
            (file("d/" + OPQ), file("d/new"), file(".wh.d")),
            {"d": "opaque", "d/new": "file"},
            {"f", "l", "d", "d/new"},
        ),
        # Of a link that the entry before went through.
        (
            (file("l/1"), file(".wh.l"), file("l/2")),
            None,
            {"f", "l", "l/2", "d", "d/1", "d/old", "d/sub", "d/sub/old"},
        ),
        # In a folder that is not there, or cannot be.
        (
            (file("n/.wh.x"),),
            {"n": "folder", "n/x": "whiteout"},
            {"f", "l", "d", "d/old", "d/sub", "d/sub/old", "n"},
        ),
        ((file(".wh.d"), file("d/.wh.x")), {"d": "whiteout"}, None),
        ((file("d"), file("d/.wh.x"), file("d/" + OPQ)), {"d": "file"}, {"f", "l", "d"}),
        # Opaque folders keep what their own layer puts there, early and late.
        (
            (folder("d"), file("d/" + OPQ), file("d/new")),
            {"d": "opaque", "d/new": "file"},
            {"f", "l", "d", "d/new"},
        ),
        (
            (folder("d"), file("d/new"), file("d/sub/new"), file("d/" + OPQ), file("d/" + OPQ)),
            {"d": "opaque", "d/new": "file", "d/sub": "folder", "d/sub/new": "file"},
            {"f", "l", "d", "d/new", "d/sub", "d/sub/new"},
        ),
        ((file("d/" + OPQ),), {"d": "opaque"}, {"f", "l", "d"}),
        ((folder("d"), file("d/old"), file("d/sub/" + OPQ)), None, {"f", "l", "d", "d/old", "d/sub"}),
        ((file(OPQ), file("new")), None, {"new"}),
        ((file("new"), file(OPQ)), None, {"new"}),
        # The type of a mark does not matter.
        ((folder(".wh.f"), symlink("d/" + OPQ, "/")), {"f": "whiteout", "d": "opaque"}, {"l", "d"}),
        # aufs's own
        (
            (folder(".wh..wh.plnk"), file(".wh..wh.plnk/1"), file(".wh..wh.aufs"), file("d/.wh..wh.orph/x")),
            {},
            {"f", "l", "d", "d/old", "d/sub", "d/sub/old"},
        ),
        # What overlay takes for a whiteout is one.
        ((device("f", b"3", 0, 0),), {"f": "whiteout"}, {"l", "d", "d/old", "d/sub", "d/sub/old"}),
        ((device("d", b"3", 0, 0), folder("d")), {"d": "opaque"}, {"f", "l", "d"}),
    ],
)
@pytest.mark.parametrize("step", [512, 1 << 20])
def test_a_layer_with_whiteouts(
    tmp_path: Path,
    entries: tuple[Entry, ...],
    overlay: dict[str, str] | None,
    merged: set[str] | None,
    step: int,
) -> None:
    for name in ("overlay", "merged"):
        (tmp_path / name).mkdir()
    apply(tmp_path / "overlay", layer(*entries), OVERLAY, step)
    if overlay is not None:
        assert kinds(tmp_path / "overlay") == overlay
    apply_all(tmp_path / "merged", BELOW)
    apply(tmp_path / "merged", layer(*entries), MERGED, step)
    if merged is not None:
        assert set(look(tmp_path / "merged")) == merged | {"."}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh...", ".wh./x"])
@pytest.mark.parametrize("rules", [MERGED, OVERLAY], ids=["merged", "overlay"])
def test_whiteouts_of_what_has_no_name(tmp_path: Path, rules: object, name: str) -> None:
    with pytest.raises(InvalidTar, match="names no entry"):
        apply(tmp_path, layer(folder("d"), file("d/x"), file(name)), rules)  # type: ignore[arg-type]
    assert (tmp_path / "d/x").exists()


def test_a_folder_with_whiteouts_is_one_that_overlay_looks_through(tmp_path: Path) -> None:
    apply(tmp_path, layer(folder("d"), file("d/.wh.x"), folder("e")), OVERLAY)
    assert os.getxattr(tmp_path / "d", "trusted.overlay.origin") == b""
    assert os.listxattr(tmp_path / "e") == []


def test_an_opaque_root_is_more_than_overlay_can_show(tmp_path: Path) -> None:
    assert apply(tmp_path, layer(folder("."), file(OPQ)), OVERLAY).loose


def test_many_opaque_whiteouts_look_through_a_folder_once(tmp_path: Path) -> None:
    """Each would take as long as all files take, were the folder looked through each time (CVE-2026-95838)."""
    count = 3000
    apply_all(tmp_path, (folder("d"), *(file(f"d/{at}") for at in range(count))))
    content = layer(*(file(f"d/{at}") for at in range(count)), *[file(f"d/{OPQ}")] * count)
    with opened(tmp_path) as root, TreeWriter(root, MERGED) as writer:
        writer.feed(content)
        # After the first one the folder counts as new: nothing of a layer below can be in it.
        assert writer._folders.at(b"d").new
        writer.finish()
    assert len(os.listdir(tmp_path / "d")) == count
