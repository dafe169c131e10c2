"""Laws of layers and trees: there and back changes nothing, the same is the same, and nothing gets out."""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from hostile_layers import make_ground, unharmed
from layer_trees import MERGED, OVERLAY, Entry, Seen, apply, layer, look, opened
from shale.errors import ShaleError
from shale.layer.diff import Written, write_difference, write_tree
from shale.layer.rules import ApplyRules
from shale.layer.writer import TarWriter

ODD = ("a", "b", "c", "é", "\udcff", "\n", " ", "x" * 120, "..x", "-")
KINDS = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
paths = st.lists(st.sampled_from(ODD), min_size=1, max_size=4).map("/".join)
marks = st.builds(
    lambda path, base: f"{path}/{base}", paths, st.sampled_from([".wh.a", ".wh.b", ".wh.é", ".wh..wh..opq"])
)


def entries(names: st.SearchStrategy[str], targets: st.SearchStrategy[str]) -> st.SearchStrategy[Entry]:
    return st.builds(
        Entry,
        name=names,
        kind=st.sampled_from(KINDS),
        content=st.just(b"") | st.binary(max_size=3),
        mode=st.sampled_from([0o644, 0o755, 0o4711, 0o1777, 0]),
        uid=st.sampled_from([0, 1000]),
        gid=st.sampled_from([0, 7]),
        mtime=st.sampled_from([0, 1, 1.5, 2**32]),
        link=targets,
        device=st.sampled_from([(1, 3), (5, 1)]),
        xattrs=st.sampled_from([{}, {"trusted.a": b"1"}, {"trusted.a": b"\0"}]),
    ).map(
        lambda entry: (
            entry if entry.kind == tarfile.REGTYPE else replace(entry, content=b"", link=entry.link or "x")
        )
    )


layers = st.lists(entries(paths | marks, paths), max_size=8)


@contextmanager
def folders(*names: str) -> Iterator[list[Path]]:
    with TemporaryDirectory() as base:
        made = [Path(base) / name for name in names]
        for path in made:
            path.mkdir()
        yield made


def fill(root: Path, *chain: list[Entry]) -> None:
    """A tree that these layers make, as far as they can be had; what was given up half-way has no time."""
    begun = time.time_ns() - 10**8
    for content in chain:
        for entry in content:
            try:
                apply(root, layer(entry))
            except ShaleError:
                continue
    for folder, _, _ in os.walk(os.fsencode(root)):
        if os.stat(folder).st_mtime_ns >= begun:
            os.utime(folder, ns=(0, 0))


def written(write: Callable[[TarWriter], Written]) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    writer = TarWriter(pieces.append)
    result = write(writer)
    writer.finish()
    return b"".join(pieces), result.entries


def tree(root: Path) -> dict[str, Seen]:
    found = look(root)
    del found["."]
    return found


@given(layers, layers)
@settings(max_examples=60)
def test_a_difference_makes_one_tree_of_the_other(before: list[Entry], after: list[Entry]) -> None:
    with folders("old", "new", "made") as (old, new, made):
        fill(old, before)
        fill(new, before, after)
        with opened(old) as first, opened(new) as second:
            content, entries = written(lambda writer: write_difference(first, second, writer))
            again, _ = written(lambda writer: write_difference(first, second, writer))
        assert content == again
        assert (entries == 0) == (tree(old) == tree(new))
        fill(made, before)
        apply(made, content)
        assert tree(made) == tree(new)


@given(layers)
@settings(max_examples=60)
def test_a_tree_goes_into_a_layer_and_back(content: list[Entry]) -> None:
    with folders("one", "two") as (one, two):
        fill(one, content)
        with opened(one) as root:
            packed, _ = written(lambda writer: write_tree(root, writer))
        apply(two, packed)
        assert tree(two) == tree(one)
        with opened(two) as root:
            assert written(lambda writer: write_tree(root, writer))[0] == packed
        with opened(one) as first, opened(two) as second:
            assert written(lambda writer: write_difference(first, second, writer))[1] == 0


hostile_parts = st.sampled_from(
    [
        *("a", "b", "victim", "hello", "folder", "..", ".", "", "x" * 256),
        *(".wh.a", ".wh.victim", ".wh.", ".wh..", ".wh...", ".wh..wh..opq", ".wh..wh.x"),
    ]
)


def hostile(victim: str) -> st.SearchStrategy[list[list[Entry]]]:
    names = st.builds(
        lambda begin, parts: begin + "/".join(parts),
        st.sampled_from(["", "/", "../", "./", victim + "/", "a/", "a/../"]),
        st.lists(hostile_parts, max_size=4),
    )
    return st.lists(st.lists(entries(names, names), max_size=8), min_size=1, max_size=3)


@given(st.data(), st.sampled_from([MERGED, OVERLAY]))
@settings(max_examples=120)
def test_nothing_gets_out(data: st.DataObject, rules: ApplyRules) -> None:
    with TemporaryDirectory() as base:
        ground = make_ground(Path(base))
        chain = data.draw(hostile(str(ground.victim).replace(base, "/BASE")))
        chain = [[moved(entry, base) for entry in one] for one in chain]
        with unharmed(ground):
            for one in chain:
                try:
                    apply(ground.root, layer(*one), rules, 700)
                except ShaleError:
                    continue


def moved(entry: Entry, base: str) -> Entry:
    """The same entry, aimed at where the ground really is: drawn data must not depend on a random name."""
    return replace(entry, name=entry.name.replace("/BASE", base), link=entry.link.replace("/BASE", base))
