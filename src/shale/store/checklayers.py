"""The check's look at mountable layers: are they there, and are they what their layers say.

None of it can lose anything: what is wrong is taken away and made again from its blob.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shale.errors import Corrupt, NotFound, ShaleError, Unavailable
from shale.linux.boot import boot_id
from shale.store.findings import Damage, Finding, Leftover
from shale.store.store import Store
from shale.store.unpacked import UnpackedLayer

__all__ = ["LayerCheck", "VerifyLayer"]

VerifyLayer = Callable[[UnpackedLayer], None]
"""Reads a mountable layer and compares it with its DiffID.

Raises:
    Corrupt: it is something else.
    NotFound: it is not there.
    Unsupported: layers of its form cannot be read on this machine.
"""


class LayerCheck:
    """Looks at every recorded mountable layer once."""

    def __init__(self, store: Store, verify: VerifyLayer | None) -> None:
        """Prepare.

        Args:
            store: whose layers.
            verify: reads one; None looks at names only.
        """
        self._store = store
        self._verify = verify
        self._boot = boot_id()
        self.count = 0

    def run(self) -> Iterator[Finding]:
        """Every finding, in order of the DiffIDs."""
        with self._store.database.read() as tx:
            layers = self._store.unpacked.all(tx)
        for layer in layers:
            self.count += 1
            finding = self._look(layer)
            if finding is not None and self._is_still(layer):
                yield finding
        with self._store.database.write() as tx:
            recorded = {layer.name for layer in self._store.unpacked.all(tx)}
            unrecorded = [name for name in self._store.layers if name not in recorded]
        yield from (Finding(Leftover.UNRECORDED_LAYER, name) for name in unrecorded)
        yield from (Finding(Leftover.UNFINISHED_LAYER, name) for name in self._store.layers.unfinished())

    def _look(self, layer: UnpackedLayer) -> Finding | None:
        if not self._store.layers.holds(layer.name):
            return Finding(Leftover.STALE_LAYER, layer.name, "its files are gone")
        if not layer.synced and layer.boot != self._boot:
            return Finding(Leftover.STALE_LAYER, layer.name, "it was not durable when the machine was started")
        if self._verify is None:
            return None
        try:
            self._verify(layer)
        except NotFound:
            return Finding(Leftover.STALE_LAYER, layer.name, "its files are gone")
        except (Corrupt, Unavailable) as error:
            return Finding(Damage.MOUNTABLE_LAYER, layer.name, error.message)
        except ShaleError:
            return None  # of a form that this user or this kernel cannot read
        return None

    def _is_still(self, layer: UnpackedLayer) -> bool:
        """Whether it is the same layer that was looked at: not removed, not made again meanwhile."""
        with self._store.database.write() as tx:
            return layer in self._store.unpacked.all(tx)
