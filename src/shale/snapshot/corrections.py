"""What a chain of layers needs beyond them, computed once and kept: a correcting layer, or nothing.

See docs/layers.md "What a stack means". Only a chain with a loose layer above its lowest can need one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from shale.errors import NotFound
from shale.oci.digest import ChainID, DiffID
from shale.snapshot.form import LayerDamaged
from shale.snapshot.layers import Check, LayerKey, Layers
from shale.store.store import Store
from shale.store.unpacked import Correction

if TYPE_CHECKING:
    from shale.snapshot.entries import OpenTar

__all__ = ["Correct", "Corrections"]

Correct: TypeAlias = "Callable[[Sequence[OpenTar], Sequence[bool]], Iterable[bytes] | None]"
"""From the tars of a chain, bottom first, and which of them are loose, the correcting layer's tar in pieces;
None where none is needed."""


class Corrections:
    """The correcting layers of a store's chains. Safe to use from threads and processes."""

    def __init__(self, store: Store, layers: Layers, correct: Correct) -> None:
        """Prepare.

        Args:
            store: where they are kept.
            layers: its mountable layers.
            correct: computes one.
        """
        self._store = store
        self._layers = layers
        self._correct = correct

    def open(self, layers: Sequence[LayerKey], check: Check) -> int | None:
        """The root of the correcting layer of a chain, which the caller closes; None where it needs none.

        Args:
            layers: bottom first; all of them mountable.
            check: called often; it may raise to stop.

        Raises:
            LayerDamaged: it was made just now and cannot be mounted.
            ShaleError: see `Layers.ensure`.
        """
        diff_id = self._find(layers, check)
        if diff_id is None:
            return None
        try:
            return self._layers.open(diff_id)
        except (NotFound, LayerDamaged):
            self._layers.remove(diff_id)
            again = self._find(layers, check)
            return self._layers.open(again) if again is not None else None

    def _find(self, layers: Sequence[LayerKey], check: Check) -> DiffID | None:
        """The correcting layer of a chain, mountable now; None where it needs none."""
        rows = self._layers.usable([layer.diff_id for layer in layers])
        loose = [layer.diff_id in rows and rows[layer.diff_id].loose for layer in layers]
        if not any(loose[1:]):
            return None
        chain = Layers.chain_of(layers)
        known = self._known(chain)
        if known is None:
            known = self._compute(chain, layers, loose, check)
        return known.diff_id

    def _known(self, chain: ChainID) -> Correction | None:
        """What was computed already, unless its layer is not there any more or cannot be trusted."""
        known = self._store.unpacked.correction(chain)
        if known is None or known.diff_id is None:
            return known
        return known if self._layers.usable([known.diff_id]) else None

    def _compute(
        self, chain: ChainID, layers: Sequence[LayerKey], loose: Sequence[bool], check: Check
    ) -> Correction:
        with self._layers.begin_correction(chain, check) as target:
            known = self._known(chain)
            if known is not None:
                return known  # somebody else has computed it while we waited
            needed = self._correct([partial(self._layers.tar, layer) for layer in layers], loose)
            diff_id = None
            if needed is not None:
                hasher = hashlib.sha256()
                for piece in needed:
                    check()
                    hasher.update(piece)
                    target.feed(piece)
                target.finish()
                diff_id = DiffID.from_hasher("sha256", hasher)
            correction = Correction(chain, diff_id)
            with self._store.database.write() as tx:
                self._store.unpacked.record_correction(tx, correction, [layer.diff_id for layer in layers])
                if diff_id is not None:
                    target.commit(tx, diff_id)
        return correction
