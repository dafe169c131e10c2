from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import opener, random_chain
from shale.snapshot.facts import Facts
from shale.snapshot.interest import Interest
from shale.snapshot.merge import _build, correct
from shale.snapshot.model import Tree
from shale.snapshot.walk import Node, Path


def everything() -> Interest:
    interest = Interest()
    interest.add((), whole=True)
    return interest


def described(tree: Tree, tars: Sequence[bytes]) -> dict[Path, tuple[object, ...]]:
    """Each path of a tree with all that can be seen of it, the names of the same file among them."""
    names: dict[int, set[Path]] = {}
    found: dict[Path, Facts] = {}
    nodes: list[tuple[Path, Node]] = [((), tree.root)]
    while nodes:
        path, node = nodes.pop()
        found[path] = node.facts
        if node.is_folder:
            nodes += [((*path, name), child) for name, child in node.children.items()]
        else:
            names.setdefault(id(node.facts), set()).add(path)
    return {path: seen(facts, tars, names.get(id(facts), set())) for path, facts in found.items()}


def seen(facts: Facts, tars: Sequence[bytes], names: set[Path]) -> tuple[object, ...]:
    source = facts.source
    body = b"" if source is None else tars[source.layer][source.at : source.at + facts.size]
    what = (facts.kind, facts.mode, facts.uid, facts.gid, facts.mtime, facts.link, facts.major, facts.minor)
    return (*what, sorted(facts.xattrs.items()), body, names)


@given(st.integers(min_value=0, max_value=2**32))
@settings(max_examples=300)
def test_overlay_with_the_correction_is_the_merged_tree(seed: int) -> None:
    # Of all that the layers have, though the correction was found by looking at what matters alone.
    tars = random_chain(seed)
    openers = [opener(tar) for tar in tars]
    merged, shown, problem = _build(openers, everything())
    if problem is not None:
        with pytest.raises(type(problem)):
            correct(openers, [True] * len(tars))
        return
    correction = correct(openers, [True] * len(tars))
    if correction is not None:
        tars.append(b"".join(correction))
        _, shown, problem = _build([*openers, opener(tars[-1])], everything())
        assert problem is None
    assert described(shown, tars) == described(merged, tars)
