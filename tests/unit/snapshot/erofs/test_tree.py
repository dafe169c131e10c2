from __future__ import annotations

import pytest

from shale.layer.field import InvalidTar
from shale.layer.header import DIRECTORY, HARD_LINK, SYMLINK, Header
from shale.snapshot.erofs.nodes import WHITEOUT, Folder, Leaf
from shale.snapshot.erofs.tree import LayerTree


def tree_of(*headers: Header) -> LayerTree:
    tree = LayerTree()
    for header in headers:
        tree.add(header, 512)
    return tree


def test_a_file_with_one_name_is_the_bytes_of_its_inode() -> None:
    children = tree_of(Header(b"f", size=5, stored=5), Header(b".wh.g")).folders.root.children
    assert isinstance(children[b"f"], bytes)
    assert len(children[b"f"]) == 64
    assert children[b"g"] is WHITEOUT


def test_a_second_name_is_the_same_leaf() -> None:
    children = tree_of(Header(b"f"), Header(b"g", HARD_LINK, link=b"./f")).folders.root.children
    assert isinstance(children[b"f"], Leaf)
    assert children[b"f"] is children[b"g"]


def test_the_quick_way_to_a_folder_is_forgotten_when_something_is_replaced() -> None:
    tree = tree_of(
        Header(b"a/", DIRECTORY), Header(b"b/", DIRECTORY), Header(b"l", SYMLINK, link=b"a"), Header(b"l/1"),
        Header(b"l/2"), Header(b"l", SYMLINK, link=b"b"), Header(b"l/3"), Header(b"b"), Header(b"l/4"),
    )  # fmt: skip
    a, b = tree.folders.root.children[b"a"], tree.folders.root.children[b"b"]
    assert isinstance(a, Folder)
    assert isinstance(b, Folder)
    assert (set(a.children), set(b.children)) == ({b"1", b"2"}, {b"4"})
    assert (b.opaque, b.alone, a.alone) == (True, True, False)


def fill(tree: LayerTree, name: bytes, count: int) -> None:
    for at in range(count):
        tree.add(Header(b"%d%s" % (at, name), records={b"SCHILY.xattr.user.a": b"x" * 1000}), 0)


@pytest.mark.parametrize("name", [b"f" * 100, b"/d" * 100 + b"/f"])
def test_memory_is_bounded(name: bytes) -> None:
    fill(LayerTree(), name, 1000)
    with pytest.raises(InvalidTar, match="more entries than fit in 1 MiB of memory"):
        fill(LayerTree(1 << 20), name, 1000)


def test_notes_are_bounded() -> None:
    tree = LayerTree()
    for at in range(150):
        tree.add(Header(b"%d" % at, records={b"SCHILY.xattr.other.a": b"x"}), 0)
    assert len(tree.notes) == 101
    assert tree.notes[-1] == "and 50 more"
