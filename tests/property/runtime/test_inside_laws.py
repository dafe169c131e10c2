"""A place in a container's root is inside of it, whatever links there are; the kernel finds the same."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shale.linux.beneath import open_beneath
from shale.runtime.inside import InvalidPlace, Kind, spot

NAMES = st.sampled_from([b"a", b"b", b"c", b"..", b".", b"outside", b"proc", b""])
PATHS = st.lists(NAMES, min_size=1, max_size=5).map(b"/".join)
TARGETS = st.builds(lambda lead, path: lead + path, st.sampled_from([b"", b"/", b"../../"]), PATHS)
TREES = st.lists(st.tuples(PATHS, st.one_of(st.just("folder"), st.just("file"), TARGETS)), max_size=8)


def plant(root: Path, tree: list[tuple[bytes, str | bytes]]) -> None:
    """Make what can be made of a tree, each entry by its plain path."""
    for path, what in tree:
        place = os.path.normpath(b"/" + path).lstrip(b"/")
        place = os.path.join(os.fsencode(root), place)
        try:
            if what == "folder":
                os.mkdir(place)
            elif what == "file":
                os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644))
            elif isinstance(what, bytes) and what:
                os.symlink(what, place)
        except OSError:
            continue


def in_the_kernel_s_folders(root: Path) -> list[str]:
    """All below /proc, /sys and /dev that are folders."""
    tops = [root / name for name in ("proc", "sys", "dev") if not (root / name).is_symlink()]
    return sorted(str(path) for top in tops for path in top.rglob("*"))


@given(tree=TREES, path=PATHS, kind=st.sampled_from(Kind))
def test_inside_and_where_the_kernel_finds_it(
    tree: list[tuple[bytes, str | bytes]], path: bytes, kind: Kind
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        root.mkdir()
        Path(folder, "outside").mkdir()
        plant(root, tree)
        before = in_the_kernel_s_folders(root)
        descriptor = os.open(root, os.O_PATH)
        try:
            try:
                with spot(descriptor, path, kind) as found:
                    seen = os.readlink(b"/proc/self/fd/%d" % found.descriptor)
                    assert seen == (os.fsencode(root) + found.path).rstrip(b"/")
                    # A file that was made for `a/` is one that the kernel does not see under that name.
                    plain = found.path if path.endswith((b"/", b"/.")) else path
                    kernel = open_beneath(descriptor, plain, os.O_PATH)
                    try:
                        assert os.path.sameopenfile(kernel, found.descriptor)
                    finally:
                        os.close(kernel)
            except InvalidPlace:
                pass
        finally:
            os.close(descriptor)
        assert sorted(os.listdir(folder)) == ["outside", "root"]
        assert os.listdir(Path(folder, "outside")) == []
        assert in_the_kernel_s_folders(root) == before
