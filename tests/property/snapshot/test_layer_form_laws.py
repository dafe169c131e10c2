"""Laws of layers: what the kernel shows of one is what docs/layers.md says of its tar."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layer_forms import Bench
from layer_model import Model, Refused, model_of
from mounted_trees import Found, read_tree
from shale.layer.field import InvalidTar
from shale.oci.digest import DiffID
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.form import LayerForm
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

FORMS: list[LayerForm] = [ErofsForm()]
parts = st.sampled_from([b"a", b"b", b"c", b"d" * 200, b"-", b"\xff"])
more_parts = st.one_of(parts, st.sampled_from([b".", b".wh.a", b".wh.b", b".wh..wh..opq", b".wh..wh.aufs"]))
paths = st.lists(parts, min_size=1, max_size=4)
names = st.builds(
    lambda head, above, last: head + b"/".join([*above, last]),
    st.sampled_from([b"", b"./", b"/"]), st.lists(parts, max_size=3), more_parts,
)  # fmt: skip
targets = st.builds(
    lambda head, path: head + b"/".join(path),
    st.sampled_from([b"", b"/", b"../", b"../../"]), paths,
)  # fmt: skip
times = st.sampled_from([0, 1, 10**9, 1_700_000_000_123_456_789, -1, -5 * 10**9])
numbers = st.sampled_from([0, 1, 1000, 2**32 - 2])
xattrs = st.dictionaries(
    st.sampled_from([b"user.a", b"trusted.b", b"security.c"]), st.binary(max_size=400), max_size=2
)


long_targets = st.integers(200, 600).map(lambda count: b"t/" * count + b"t")
devices = st.sampled_from([(1, 3), (0, 0), (300, 70_000)])
entries = st.one_of(
    st.builds(
        lambda name, content, mode, uid, mtime, attributes: Entry(
            name, content=content, mode=mode, uid=uid, mtime=mtime, xattrs=attributes
        ),
        names, st.binary(max_size=1200), st.integers(0, 0o7777), numbers, times, xattrs,
    ),
    st.builds(
        lambda name, mode, gid, mtime, attributes: Entry(
            name, b"5", mode=mode, gid=gid, mtime=mtime, xattrs=attributes
        ),
        names, st.integers(0, 0o7777), numbers, times, xattrs,
    ),
    st.builds(symlink, names, st.one_of(targets, long_targets)),
    st.builds(lambda name, target: hardlink(name, b"/".join(target)), names, paths),
    st.builds(lambda name, device: Entry(name, b"3", device=device), names, devices),
    st.builds(lambda name: Entry(name, b"6", mode=0o600), names),
)  # fmt: skip


def expected(model: Model) -> dict[bytes, Found]:
    shared: dict[int, list[bytes]] = {}
    for path, item in model.items.items():
        shared.setdefault(id(item), []).append(b"/".join(path))
    found = {}
    for path, item in model.items.items():
        same = sorted(shared[id(item)])
        regular, is_folder = stat.S_ISREG(item.kind), stat.S_ISDIR(item.kind)
        # What is neither a file nor a folder can have no attributes of users.
        attributes = {
            name: value
            for name, value in item.xattrs.items()
            if regular or is_folder or not name.startswith(b"user.")
        }
        found[b"/".join(path)] = Found(
            item.kind,
            item.mode,
            item.uid,
            item.gid,
            len(item.content) if regular or stat.S_ISLNK(item.kind) else 0,
            item.mtime,
            os.makedev(*item.device),
            hashlib.sha256(item.content).digest() if regular else item.content,
            tuple(sorted(attributes.items())),
            0 if is_folder else len(same),
            tuple(same) if len(same) > 1 else (),
        )
    return found


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.name))
@given(st.lists(entries, max_size=12), st.integers(100, 5000))
@settings(max_examples=200)
@example([file(b"a"), folder(b"a"), hardlink(b"b", b"a")], 512)
@example([symlink(b"a", b"b"), file(b"a/c"), file(b"b"), file(b"a/c")], 512)
@example([symlink(b"a", b"c"), folder(b"c"), file(b"a/b"), whiteout(b".wh.c"), file(b"a/b", b"x")], 512)
def test_a_mounted_layer_is_what_its_entries_say(form: LayerForm, listed: list[Entry], piece: int) -> None:
    tar = archive(*listed)
    with tempfile.TemporaryDirectory() as path, Bench(form, Path(path)) as bench:
        try:
            model = model_of(listed)
        except Refused:
            with pytest.raises(InvalidTar):
                bench.build(tar, "layer", piece)
            assert os.listdir(path) == []
            return
        built = bench.build(tar, "layer", piece)
        assert (built.loose, built.entries) == (model.loose, len(listed))
        with bench.mounted("layer") as root:
            assert read_tree(root) == expected(model)
        form.verify(bench.folder, "layer", DiffID.of(tar))
