"""Random chains: each layer made mountable by itself, stacked by the kernel; and unpacked into one folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chains import as_seen, opener, random_chain
from mounted_trees import Found, read_tree
from shale.errors import Invalid
from shale.layer.field import InvalidTar
from shale.oci.digest import DiffID
from shale.snapshot.copying import Powers, write_merged
from shale.snapshot.erofs.form import ErofsForm
from shale.snapshot.form import LayerForm
from shale.snapshot.merge import correct
from shale.snapshot.overlay import stack_of
from shale.snapshot.tree import TreeForm


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def merged(tars: Sequence[bytes], place: Path) -> dict[bytes, Found]:
    """What is left when the layers are applied one after the other in one folder."""
    place.mkdir()
    with opened(place) as folder:
        write_merged([opener(tar) for tar in tars], folder, Powers(give=True, make_devices=True))
        return as_seen(read_tree(folder))


def stacked(form: LayerForm, tars: Sequence[bytes], place: Path) -> dict[bytes, Found]:
    """What the kernel shows of the layers, each made by itself, and of the correcting one."""
    place.mkdir()
    with ExitStack() as held:
        folder = held.enter_context(opened(place))
        roots: list[int] = []

        def build(tar: bytes) -> bool:
            name = f"{len(roots)}"
            builder = form.builder(folder, name)
            held.callback(builder.close)
            builder.feed(tar)
            loose = builder.finish().loose
            form.verify(folder, name, DiffID.of(tar))
            roots.insert(0, form.open(folder, name))
            held.callback(os.close, roots[0])
            return loose

        loose = [build(tar) for tar in tars]
        correction = correct([opener(tar) for tar in tars], loose)
        if correction is not None:
            # It describes all that it has, so that it depends on nothing itself.
            assert not build(b"".join(correction))
        view = stack_of(roots).view()
        held.callback(os.close, view)
        return as_seen(read_tree(view))


@pytest.mark.parametrize("form", [ErofsForm(), TreeForm()], ids=lambda form: str(form.name))
@given(st.integers(min_value=0, max_value=2**32))
@settings(max_examples=60)
def test_a_stack_is_the_merged_tree(form: LayerForm, seed: int) -> None:
    tars = random_chain(seed)
    with TemporaryDirectory(prefix="shale-stack-") as folder:
        try:
            found = stacked(form, tars, Path(folder, "stack"))
        except InvalidTar:
            return  # a layer that is wrong by itself
        except Invalid:
            with pytest.raises(Invalid):
                merged(tars, Path(folder, "merged"))
            return
        try:
            wanted = merged(tars, Path(folder, "merged"))
        except InvalidTar:
            # Of a link to nothing in the lowest layer nobody hears where no other layer depends on one below.
            return
        assert found == wanted
