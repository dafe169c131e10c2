"""Mountable layers: what the database says of them, and which of them nothing needs any more.

Rows and names change together, in one write transaction, with the file first: so a file without a row is of
a killed process, and can go at once. A row without a file, or one from before a power cut, only means that
the layer must be made again: the blob is the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from shale.oci.digest import ChainID, DiffID
from shale.store.database import Database, Transaction
from shale.store.layerfiles import LayerFiles, layer_name

__all__ = ["Correction", "Unpacked", "UnpackedLayer"]

_GARBAGE: Final = """
SELECT diff_id, form, size FROM unpacked
WHERE diff_id NOT IN (SELECT diff_id FROM layers)
    AND diff_id NOT IN (SELECT diff_id FROM corrections WHERE diff_id IS NOT NULL)
ORDER BY diff_id, form
"""
_UNUSED_CORRECTIONS: Final = """
DELETE FROM corrections WHERE EXISTS (
    SELECT 1 FROM json_each(corrections.layers) WHERE value NOT IN (SELECT diff_id FROM layers)
)
"""


class UnpackedLayer(msgspec.Struct, frozen=True):
    """A layer that is mountable.

    Attributes:
        diff_id: of its tar.
        form: in which it is kept.
        size: bytes on disk.
        entries: of the tar.
        loose: whether it depends on those below it as overlay does not know (docs/layers.md).
        boot: the boot in which it was written.
        written: when, seconds since the epoch.
        synced: whether it is durable.
    """

    diff_id: DiffID
    form: str
    size: int
    entries: int
    loose: bool
    boot: str
    written: float
    synced: bool

    @property
    def name(self) -> str:
        """Of its file or folder."""
        return layer_name(self.diff_id, self.form)


class Correction(msgspec.Struct, frozen=True):
    """What a chain of layers needs beyond them.

    Attributes:
        chain: the ChainID.
        diff_id: of the correcting layer; None where none is needed.
    """

    chain: ChainID
    diff_id: DiffID | None


class Unpacked:
    """The mountable layers of one store, as its database has them. Safe to use from threads and processes."""

    def __init__(self, database: Database, files: LayerFiles) -> None:
        self._database = database
        self._files = files

    def find(self, diff_ids: Sequence[DiffID], form: str) -> dict[DiffID, UnpackedLayer]:
        """The rows of those of the layers that have one in a form."""
        wanted = msgspec.json.encode([str(one) for one in diff_ids]).decode()
        with self._database.read() as tx:
            rows = tx.rows(
                "SELECT * FROM unpacked WHERE form = ? AND diff_id IN (SELECT value FROM json_each(?))",
                (form, wanted),
            )
        return {layer.diff_id: layer for layer in map(_layer, rows)}

    def all(self, tx: Transaction) -> list[UnpackedLayer]:
        """Every row."""
        return [_layer(row) for row in tx.rows("SELECT * FROM unpacked ORDER BY diff_id, form")]

    def record(self, tx: Transaction, layer: UnpackedLayer) -> None:
        """Say that a layer is mountable; its file is in place."""
        tx.run(
            "INSERT OR REPLACE INTO unpacked VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                str(layer.diff_id), layer.form, layer.size, layer.entries, layer.loose, layer.boot,
                layer.written, layer.synced,
            ),
        )  # fmt: skip

    def set_synced(self, tx: Transaction, layer: UnpackedLayer) -> None:
        """Say that a layer is durable now, unless another has taken its place meanwhile."""
        tx.run(
            "UPDATE unpacked SET synced = 1 WHERE diff_id = ? AND form = ? AND written = ?",
            (str(layer.diff_id), layer.form, layer.written),
        )

    def drop(self, tx: Transaction, diff_id: DiffID, form: str) -> None:
        """Take a layer away, row and file; `LayerFiles.sweep` frees the room after the transaction."""
        tx.run("DELETE FROM unpacked WHERE diff_id = ? AND form = ?", (str(diff_id), form))
        self._files.set_gone(layer_name(diff_id, form))

    def correction(self, chain: ChainID) -> Correction | None:
        """What is known of a chain's correcting layer; None where nobody has computed it yet."""
        with self._database.read() as tx:
            row = tx.row("SELECT diff_id FROM corrections WHERE chain = ?", (str(chain),))
        return None if row is None else Correction(chain, DiffID.parse(row[0]) if row[0] else None)

    def record_correction(self, tx: Transaction, correction: Correction, layers: Sequence[DiffID]) -> None:
        """Keep what a chain of these layers needs; it is kept for as long as all of them are here."""
        tx.run(
            "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?)",
            (
                str(correction.chain),
                str(correction.diff_id) if correction.diff_id else None,
                msgspec.json.encode([str(one) for one in layers]).decode(),
            ),
        )

    def collect(self, tx: Transaction, *, files: bool) -> tuple[tuple[DiffID, int], ...]:
        """Remove the layers that no layer on record unpacks to, as this transaction sees it.

        Args:
            tx: a write transaction, in which the rows of unreachable blobs are gone already.
            files: false to leave the files alone, for a rehearsal.

        Returns:
            What went, with its bytes.
        """
        tx.run(_UNUSED_CORRECTIONS)
        rows = tx.rows(_GARBAGE)
        tx.run_many("DELETE FROM unpacked WHERE diff_id = ? AND form = ?", [row[:2] for row in rows])
        if files:
            recorded = {layer.name for layer in self.all(tx)}
            for name in [name for name in self._files if name not in recorded]:
                self._files.set_gone(name)
        return tuple((DiffID.parse(diff_id), size) for diff_id, _, size in rows)


def _layer(row: tuple[str, str, int, int, int, str, float, int]) -> UnpackedLayer:
    diff_id, form, size, entries, loose, boot, written, synced = row
    return UnpackedLayer(DiffID.parse(diff_id), form, size, entries, bool(loose), boot, written, bool(synced))
