"""What layers mean together, as umoci and containerd unpack them, and as shale shows them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from chains import as_seen, opener
from mounted_trees import Found, read_tree
from peers.containerd import Containerd
from peers.ground import Ground
from peers.images import SHELL, here
from peers.layout import LayoutImage, LayoutWriter, open_layout
from peers.skopeo import Umoci
from shale.snapshot.copying import Powers, write_merged
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.form import LayerForm
from shale.snapshot.merge import correct
from shale.snapshot.overlay import stack_of
from shale.snapshot.tree import TreeForm
from tar_entries import Entry, archive, file, folder, hardlink, symlink, whiteout

Layers = Sequence[Sequence[Entry]]
SECOND = 10**9
RECENT = 1_600_000_000 * SECOND


def at(seconds: int, entry: Entry) -> Entry:
    return replace(entry, mtime=seconds * SECOND)


USR = [at(71, folder(b"usr", 0o711)), at(72, folder(b"usr/lib", 0o700, uid=3))]
LINKED = [*USR, at(73, symlink(b"lib", b"usr/lib")), at(74, file(b"usr/lib/old", b"old"))]

# What umoci and containerd agree about.
CHAINS: dict[str, Layers] = {
    "implied folder": [USR, [file(b"usr/lib/f", b"f")]],
    "implied where a folder is no more": [
        [folder(b"d"), file(b"d/f")],
        [file(b"d", b"x")],
        [folder(b"d", 0o710)],
    ],
    "below a link": [LINKED, [at(5, file(b"lib/new", b"new"))]],
    "below a link to a link": [
        [*LINKED, symlink(b"l", b"/lib")],
        [file(b"l/new", b"new"), hardlink(b"l/more", b"l/new")],
    ],
    "a folder for a link": [LINKED, [at(6, folder(b"lib", 0o750)), file(b"lib/new")]],
    "a link that leads nowhere": [[symlink(b"l", b"made/here")], [file(b"l/f", b"x")]],
    "whiteout below a link": [LINKED, [whiteout(b"lib/.wh.old")]],
    "opaque below a link": [LINKED, [whiteout(b"lib/.wh..wh..opq"), file(b"lib/new")]],
    "opaque late": [LINKED, [*USR, file(b"usr/lib/new"), whiteout(b"usr/lib/.wh..wh..opq")]],
    "opaque in a folder that is not described": [
        LINKED,
        [whiteout(b"usr/lib/.wh..wh..opq"), file(b"usr/lib/new")],
    ],
    "whiteout before": [LINKED, [whiteout(b".wh.usr"), at(9, folder(b"usr")), file(b"usr/new")]],
    "folder, file, folder": [
        [folder(b"d"), file(b"d/1")],
        [file(b"d", b"x")],
        [at(9, folder(b"d")), file(b"d/2")],
    ],
    "file, folder, file": [[file(b"d")], [folder(b"d"), file(b"d/1")], [at(3, file(b"d", b"again"))]],
    "folder, file, folder in one layer": [
        [folder(b"d"), file(b"d/1")],
        [file(b"d"), folder(b"d"), file(b"d/2")],
    ],
    "repeated entries": [
        [file(b"f", b"1"), file(b"f", b"22"), folder(b"d", 0o700), file(b"d/f"), folder(b"d", 0o711)]
    ],
    "hard link to a layer below": [[file(b"f", b"f", 0o4711)], [replace(hardlink(b"h", b"f"), mode=0o4711)]],
    "hard link below, then changed": [
        [file(b"f", b"f"), hardlink(b"g", b"f")],
        [hardlink(b"h", b"f")],
        [file(b"f", b"new")],
    ],
    "hard link to a symbolic link below": [[symlink(b"s", b"x")], [hardlink(b"t", b"s")]],
    "hard link through a link": [LINKED, [at(74, hardlink(b"copy", b"lib/old"))]],
    "devices": [
        [Entry(b"null", b"3", device=(1, 3), mode=0o666), Entry(b"p", b"6", mode=0o600)],
        [replace(hardlink(b"n", b"null"), mode=0o666)],
    ],
    "attributes": [
        [Entry(b"d", b"5", mode=0o755, xattrs={b"user.a": b"b"})],
        [Entry(b"d/f", xattrs={b"user.c": b"d"})],
    ],
}


def layout(ground: Ground, layers: Layers) -> LayoutImage:
    folder = ground.fresh("layout")
    writer = LayoutWriter(folder, ground.env)
    written = []
    for number, entries in enumerate(layers):
        tar = folder / f"{number}.tar"
        tar.write_bytes(archive(*entries))
        written.append(writer.layer(tar, "layer", "none"))
    writer.tags["it"] = writer.image(written, architecture=here(), settings=SHELL)
    writer.finish()
    return open_layout(folder, "it")


def compared(tree: dict[bytes, Found], *, folder_times: bool) -> dict[bytes, Found]:
    """A tree as it is compared: without the root, which containerd makes as it likes.

    The time of a folder that no layer describes is 0 to shale, and the present to others. To containerd it is
    that for each folder that it has put something into, so `folder_times` are left out there.
    """
    seen = as_seen(tree)
    del seen[b""]
    return {
        path: replace(found, mtime=0)
        if found.mtime > RECENT or (not folder_times and stat.S_ISDIR(found.kind))
        else found
        for path, found in seen.items()
    }


def tree_at(path: Path) -> dict[bytes, Found]:
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return read_tree(root)
    finally:
        os.close(root)


def mounted(form: LayerForm, layers: Layers, place: Path) -> dict[bytes, Found]:
    """The chain as shale mounts it."""
    tars = [archive(*entries) for entries in layers]
    with ExitStack() as held:
        folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        held.callback(os.close, folder)
        roots: list[int] = []

        def build(name: str, tar: bytes) -> bool:
            builder = form.builder(folder, name)
            held.callback(builder.close)
            builder.feed(tar)
            loose = builder.finish().loose
            roots.insert(0, form.open(folder, name))
            held.callback(os.close, roots[0])
            return loose

        loose = [build(f"{number}", tar) for number, tar in enumerate(tars)]
        correction = correct([opener(tar) for tar in tars], loose)
        if correction is not None:
            build("correction", b"".join(correction))
        view = stack_of(roots).view()
        held.callback(os.close, view)
        return read_tree(view)


def written(layers: Layers, place: Path) -> dict[bytes, Found]:
    """The chain as shale unpacks it."""
    root = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        tars = [opener(archive(*entries)) for entries in layers]
        write_merged(tars, root, Powers(give=True, make_devices=True))
        return read_tree(root)
    finally:
        os.close(root)


def unpacked_by_containerd(containerd: Containerd, image: LayoutImage, name: str) -> Path:
    """Where its snapshotter of plain folders has the image's tree."""
    packed = image.layout.parent / f"{image.layout.name}.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(image.layout, ".")
    containerd("image", "import", "--snapshotter", "native", "--base-name", name, str(packed))
    config = image.document(image.document()["config"]["digest"])
    chain, *others = config["rootfs"]["diff_ids"]
    for diff_id in others:
        chain = "sha256:" + hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
    # A view is thrown away when containerd likes; where it shows is the image's own snapshot, which stays.
    view = ("view", "--mounts", f"view-{name}", chain)
    mounts = json.loads(containerd("snapshots", "--snapshotter", "native", *view).stdout)
    return Path(mounts[0]["Source"])


@pytest.mark.parametrize("name", CHAINS)
def test_umoci_and_containerd_unpack_the_same_tree(
    name: str, peer_ground: Ground, umoci: Umoci, containerd: Containerd
) -> None:
    layers = CHAINS[name]
    image = layout(peer_ground, layers)
    wanted = written(layers, peer_ground.fresh("written"))
    for form in (ErofsForm(), TreeForm()):
        assert as_seen(mounted(form, layers, peer_ground.fresh("layers"))) == as_seen(wanted)

    bundle = peer_ground.fresh("umoci") / "bundle"
    umoci("unpack", "--image", f"{image.layout}:it", str(bundle))
    assert compared(tree_at(bundle / "rootfs"), folder_times=True) == compared(wanted, folder_times=True)

    snapshot = unpacked_by_containerd(containerd, image, f"chain-{list(CHAINS).index(name)}")
    assert compared(tree_at(snapshot), folder_times=False) == compared(wanted, folder_times=False)


class TestWhereTheyDiffer:
    """What docs/layers.md says of each, so that a newer version that changes its mind is noticed."""

    def test_a_whiteout_after_an_entry_hides_nothing_to_umoci(self, peer_ground: Ground, umoci: Umoci) -> None:
        layers = [[file(b"f", b"old")], [file(b"f", b"new"), whiteout(b".wh.f")]]
        image = layout(peer_ground, layers)
        bundle = peer_ground.fresh("umoci") / "bundle"
        umoci("unpack", "--image", f"{image.layout}:it", str(bundle))
        assert (
            tree_at(bundle / "rootfs").keys()
            == written(layers, peer_ground.fresh("written")).keys()
            == {b"", b"f"}
        )

    def test_a_whiteout_makes_its_folder_to_containerd(
        self, peer_ground: Ground, containerd: Containerd
    ) -> None:
        layers = [[folder(b"d")], [whiteout(b"new/.wh.f")]]
        snapshot = unpacked_by_containerd(containerd, layout(peer_ground, layers), "whiteout-alone")
        assert (
            tree_at(snapshot).keys()
            == written(layers, peer_ground.fresh("written")).keys()
            == {b"", b"d", b"new"}
        )

    def test_the_header_of_a_hard_link_changes_nothing_to_umoci(
        self, peer_ground: Ground, umoci: Umoci
    ) -> None:
        layers = [[file(b"f", b"x", 0o600), replace(hardlink(b"g", b"f"), mode=0o777, uid=5, mtime=9 * SECOND)]]
        image = layout(peer_ground, layers)
        bundle = peer_ground.fresh("umoci") / "bundle"
        umoci("unpack", "--image", f"{image.layout}:it", str(bundle))
        wanted = written(layers, peer_ground.fresh("written"))
        assert compared(tree_at(bundle / "rootfs"), folder_times=True) == compared(wanted, folder_times=True)
        assert wanted[b"g"].mode == 0o600
