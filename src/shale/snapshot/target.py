"""One layer on its way to becoming mountable: fed with its tar, then placed and recorded, or thrown away."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from shale.oci.digest import DiffID
from shale.snapshot.form import Built, LayerForm
from shale.store.database import Transaction
from shale.store.layerfiles import LayerFiles, Workplace, layer_name
from shale.store.unpacked import Unpacked, UnpackedLayer

__all__ = ["LayerTarget"]

_MADE: Final = "layer"


class LayerTarget:
    """A layer while it is made; a context manager. Not for use by two threads at once.

    It is not synced: a cache need not be durable, and a sync would cost more than the whole rest.
    """

    def __init__(
        self, form: LayerForm, files: LayerFiles, unpacked: Unpacked, workplace: Workplace, boot: str
    ) -> None:
        self._form = form
        self._files = files
        self._unpacked = unpacked
        self._workplace = workplace
        self._boot = boot
        self._builder = form.builder(workplace.folder, _MADE)
        self._built: Built | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the tar; they may be overwritten once this returns.

        Raises:
            ShaleError: see `LayerBuilder.feed`.
        """
        self._builder.feed(piece)

    def finish(self) -> Built:
        """Say that all bytes have come.

        Raises:
            ShaleError: see `LayerBuilder.finish`.
        """
        self._built = self._builder.finish()
        return self._built

    def commit(self, tx: Transaction, diff_id: DiffID) -> None:
        """Put the layer in its place and record it, unless another has done so meanwhile.

        Args:
            tx: a write transaction; in it or before it something must be recorded that needs the layer.
            diff_id: the hash of the bytes that were fed, which somebody else took and compared.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk; nothing was recorded.
        """
        assert self._built is not None
        self._files.place(self._workplace, _MADE, layer_name(diff_id, self._form.name))
        self._unpacked.record(
            tx,
            UnpackedLayer(
                diff_id=diff_id,
                form=self._form.name,
                size=self._built.size,
                entries=self._built.entries,
                loose=self._built.loose,
                boot=self._boot,
                written=time.time(),
                synced=False,
            ),
        )

    def close(self) -> None:
        """Let go of everything; what was not committed is removed."""
        self._builder.close()
        self._workplace.close()
