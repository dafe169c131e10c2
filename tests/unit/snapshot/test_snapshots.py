from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from fake_form import FakeForm
from image_factory import build_image, keep, tar_of
from shale.oci.digest import DiffID, Digest, chain_ids
from shale.snapshot.corrections import Corrections
from shale.snapshot.entries import OpenTar
from shale.snapshot.layers import LayerKey, Layers
from shale.snapshot.snapshots import Snapshots, Stack
from shale.store.layerfiles import layer_name
from shale.store.store import Store

PLAIN = build_image(layers=({"a": b"1"}, {"b": b"2"}))
LOOSE = build_image(layers=({"a": b"1"}, {"loose/b": b"2"}))
CORRECTION = tar_of({"corrected": b""})


def keys(*tars: bytes) -> list[LayerKey]:
    return [LayerKey(Digest.of(tar), DiffID.of(tar)) for tar in tars]


class FakeStack:
    """Remembers what was stacked, by the tars in the layers' roots."""

    def __init__(self, lowers: Sequence[int]) -> None:
        self.tars = [Path(f"/proc/self/fd/{lower}/tar").read_bytes() for lower in lowers]

    def view(self) -> int:
        return os.open("/", os.O_RDONLY)

    def mount(self, upper: int, work: int, *, volatile: bool = False) -> int:
        assert (upper, work, volatile) == (1, 2, True)
        return os.open("/", os.O_RDONLY)


class Correcting:
    """Says what chains need, and counts how often it was asked."""

    def __init__(self, needed: bytes | None) -> None:
        self.needed = needed
        self.asked = 0

    def __call__(self, tars: Sequence[OpenTar], loose: Sequence[bool]) -> Iterable[bytes] | None:
        self.asked += 1
        self.seen = []
        for tar in tars:
            with tar() as stream:
                self.seen.append(stream.read())
        self.loose = list(loose)
        if self.needed is None:
            return None
        return [self.needed[at : at + 700] for at in range(0, len(self.needed), 700)]


def snapshots(store: Store, form: FakeForm, correcting: Correcting, stacks: list[FakeStack]) -> Snapshots:
    def stack_of(lowers: Sequence[int]) -> Stack:
        stacks.append(FakeStack(lowers))
        return stacks[-1]

    layers = Layers(store, form)
    return Snapshots(layers, Corrections(store, layers, correcting), stack_of)


def test_layers_are_stacked_topmost_first(store: Store, form: FakeForm) -> None:
    keep(store, PLAIN)
    correcting, stacks = Correcting(None), list[FakeStack]()
    before = set(os.listdir("/proc/self/fd"))
    with snapshots(store, form, correcting, stacks).open(keys(*PLAIN.layers)) as snapshot:
        assert snapshot.chain == chain_ids([DiffID.of(tar) for tar in PLAIN.layers])[-1]
        os.close(snapshot.view())
        os.close(snapshot.mount(1, 2, volatile=True))
    assert set(os.listdir("/proc/self/fd")) == before
    assert stacks[0].tars == [PLAIN.layers[1], PLAIN.layers[0]]
    assert correcting.asked == 0


def test_an_image_without_layers_is_a_stack_of_nothing(store: Store, form: FakeForm) -> None:
    stacks: list[FakeStack] = []
    with snapshots(store, form, Correcting(None), stacks).open([]) as snapshot:
        assert snapshot.chain.algorithm == "sha256"
    assert stacks[0].tars == []


@pytest.mark.parametrize("needed", [None, CORRECTION])
def test_a_loose_chain_is_looked_at_once(store: Store, form: FakeForm, needed: bytes | None) -> None:
    keep(store, LOOSE)
    correcting, stacks = Correcting(needed), list[FakeStack]()
    for _ in range(3):
        with snapshots(store, form, correcting, stacks).open(keys(*LOOSE.layers)):
            pass
    assert correcting.asked == 1
    assert (correcting.seen, correcting.loose) == (list(LOOSE.layers), [False, True])
    expected = [LOOSE.layers[1], LOOSE.layers[0]]
    assert stacks[-1].tars == ([needed, *expected] if needed else expected)


def test_a_loose_layer_at_the_bottom_needs_nothing(store: Store, form: FakeForm) -> None:
    keep(store, LOOSE)
    correcting = Correcting(CORRECTION)
    with snapshots(store, form, correcting, []).open(keys(*reversed(LOOSE.layers))):
        pass
    assert correcting.asked == 0


@pytest.mark.parametrize("how", ["gone", "damaged", "of an earlier boot"])
def test_a_correcting_layer_is_made_again(store: Store, form: FakeForm, root: Path, how: str) -> None:
    keep(store, LOOSE)
    correcting, stacks = Correcting(CORRECTION), list[FakeStack]()
    with snapshots(store, form, correcting, stacks).open(keys(*LOOSE.layers)):
        pass
    name = layer_name(DiffID.of(CORRECTION), "fake")
    if how == "gone":
        store.layers.set_gone(name)
    elif how == "damaged":
        (root / "layers" / name / "whole").unlink()
    else:
        with store.database.write() as tx:
            tx.run("UPDATE unpacked SET boot = 'earlier' WHERE diff_id = ?", (str(DiffID.of(CORRECTION)),))
    with snapshots(store, form, correcting, stacks).open(keys(*LOOSE.layers)):
        pass
    assert correcting.asked == 2
    assert stacks[-1].tars[0] == CORRECTION


def test_the_collector_takes_a_correction_with_its_chain(store: Store, form: FakeForm) -> None:
    keep(store, LOOSE)
    with snapshots(store, form, Correcting(CORRECTION), []).open(keys(*LOOSE.layers)):
        pass
    with store.database.write() as tx:
        store.names.forget(tx, LOOSE.digest)
    with store.database.write() as tx:
        assert len(store.collector.collect(tx).layers) == 3
    assert list(store.layers) == []
