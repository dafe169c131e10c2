"""The repair of mountable layers: what is wrong goes, and is made again from its blob when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shale.store.actions import Action, Deed
from shale.store.findings import Damage, Finding, Leftover
from shale.store.store import Store

__all__ = ["OF_LAYERS", "heal_layer"]

_WRONG: Final = (Damage.MOUNTABLE_LAYER, Leftover.STALE_LAYER)
OF_LAYERS: Final = (*_WRONG, Leftover.UNRECORDED_LAYER, Leftover.UNFINISHED_LAYER)
"""The findings that are about mountable layers."""


def heal_layer(store: Store, finding: Finding) -> Iterator[Action]:
    """Do what is to be done about one of `OF_LAYERS`, and tell it.

    Raises:
        DiskFull, NoPermission, StorageFailure, DatabaseBusy, DatabaseDamaged: it could not be done.
    """
    name = finding.subject
    with store.database.write() as tx:
        recorded = [layer for layer in store.unpacked.all(tx) if layer.name == name]
        if finding.kind in _WRONG:
            for layer in recorded:
                store.unpacked.drop(tx, layer.diff_id, layer.form)
        elif finding.kind is Leftover.UNRECORDED_LAYER and not recorded:
            store.layers.set_gone(name)
    store.layers.sweep()
    if name not in (*store.layers, *store.layers.unfinished()):
        again = "it is made again when it is used" if finding.kind in _WRONG else ""
        yield Action(Deed.REMOVED, name, again)
    elif not recorded:
        yield Action(Deed.NOT_HEALED, name, "this user may not remove it")
