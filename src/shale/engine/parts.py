"""The parts of an open engine: what its verbs work on."""

from __future__ import annotations

from typing import NamedTuple

from shale.engine.settings import Settings
from shale.engine.snapshotting import Snapshotting
from shale.store.store import Store

__all__ = ["Parts"]


class Parts(NamedTuple):
    """Fields, no verbs.

    Attributes:
        settings: where things are.
        store: the parts of the store.
        snapshotting: what makes file systems of its layers.
    """

    settings: Settings
    store: Store
    snapshotting: Snapshotting
