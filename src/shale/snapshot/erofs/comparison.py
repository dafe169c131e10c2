"""Whether the file of a layer is what its DiffID says, and what its tar says."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from shale.errors import Invalid
from shale.oci.digest import DiffID
from shale.snapshot.erofs.builder import LayerModel
from shale.snapshot.erofs.image import read_exactly
from shale.snapshot.erofs.layout import HEADER
from shale.snapshot.form import LayerDamaged

__all__ = ["compare_layer"]

_PIECE: Final = 1 << 20


def compare_layer(file: int, name: str, tar_size: int, size: int, diff_id: DiffID) -> None:
    """Compare a layer with its DiffID, and what stands around its tar with what would be made of it now.

    Args:
        file: descriptor, open for reading.
        name: for messages.
        tar_size: bytes of the tar, as the header says.
        size: bytes of the file.
        diff_id: what the tar should be.

    Raises:
        LayerDamaged: it is something else.
        OSError: it cannot be read.
    """
    hasher = hashlib.new(diff_id.algorithm)
    model = LayerModel()
    flaw: Invalid | None = None
    for at in range(0, tar_size, _PIECE):
        piece = read_exactly(file, HEADER + at, min(_PIECE, tar_size - at))
        hasher.update(piece)
        if flaw is None:
            try:
                model.feed(piece)
            except Invalid as error:
                flaw = error
    if DiffID.from_hasher(diff_id.algorithm, hasher) != diff_id:
        raise LayerDamaged(f"the layer {name} holds another tar than {diff_id}")
    comparison = _Comparison(file, name, HEADER + tar_size)
    try:
        if flaw is not None:
            raise flaw
        header = model.finish(
            lambda offset, length: read_exactly(file, HEADER + offset, length), comparison.take
        )
    except Invalid as error:
        raise LayerDamaged(f"the layer {name} is made of a tar that is none: {error.message}") from error
    comparison.finish(size)
    if read_exactly(file, 0, HEADER) != header:
        raise LayerDamaged(f"the layer {name} has another header than its tar gives")


class _Comparison:
    """Compares bytes with those of a file, in order."""

    def __init__(self, file: int, name: str, at: int) -> None:
        self._file = file
        self._name = name
        self._at = at
        self._pending = bytearray()

    def take(self, expected: bytes) -> None:
        self._pending += expected
        if len(self._pending) >= _PIECE:
            self._compare()

    def finish(self, size: int) -> None:
        self._compare()
        if self._at != size:
            raise LayerDamaged(f"the layer {self._name} has another size than its tar gives")

    def _compare(self) -> None:
        expected, self._pending = bytes(self._pending), bytearray()
        found = os.pread(self._file, len(expected), self._at)
        if found != expected:
            raise LayerDamaged(f"the layer {self._name} has another index than its tar gives")
        self._at += len(expected)
