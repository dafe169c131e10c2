"""The mountable layers of a store: made as a pull brings them, or from their blobs when they are first needed.

A layer is a cache of its blob. It is written without a sync: its row tells the boot in which that was, and
one of an earlier boot that was never synced is made again, because a power cut may have emptied it. A layer
that is used a minute after it was written is synced then, when the kernel has mostly done so by itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, runtime_checkable

import msgspec

from shale.errors import Cancelled, NotFound, ShaleError
from shale.linux.boot import boot_id
from shale.oci.digest import ChainID, DiffID, Digest, chain_ids
from shale.snapshot.form import LayerDamaged, LayerForm
from shale.store.blobs import BlobDamaged
from shale.store.content import LayerRecord
from shale.store.layerfiles import layer_name
from shale.store.store import Store
from shale.store.unpacked import UnpackedLayer

if TYPE_CHECKING:
    from shale.snapshot.target import LayerTarget

__all__ = ["LayerKey", "Layers"]

_SETTLED: Final = 60.0
"""Seconds after which the kernel has written a file by itself (vm.dirty_expire_centisecs and some)."""
_JOBS: Final = 2
"""Layers that are made at a time; each has several threads."""

Check = Callable[[], None]
"""Called often; it may raise to stop."""


def _go_on() -> None:
    """Nobody wants to stop."""


class LayerKey(msgspec.Struct, frozen=True):
    """A layer of an image.

    Attributes:
        digest: of its blob.
        diff_id: of its tar.
    """

    digest: Digest
    diff_id: DiffID


@runtime_checkable
class _KeepsTar(Protocol):
    """A form in which the tar of a layer is there as it came."""

    def open_tar(self, folder: int, name: str) -> BinaryIO:
        """The tar of a layer."""


class Layers:
    """The mountable layers of one store, in one form. Safe to use from threads and processes."""

    def __init__(self, store: Store, form: LayerForm, *, boot: str | None = None) -> None:
        """Prepare, and clear away what killed processes left.

        Args:
            store: whose layers.
            form: in which they are kept.
            boot: the id of this boot; by default the kernel's.
        """
        self._store = store
        self._form = form
        self._boot = boot or boot_id()
        store.layers.sweep()

    def begin(self, layer: Digest, check: Check = _go_on) -> LayerTarget:
        """Begin to make a layer mountable while its bytes arrive.

        Args:
            layer: the digest of its blob; who makes the same one is waited for.
            check: called while waiting.

        Raises:
            LayerBusy: somebody else has been making it for too long.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        return self._begin(f"{layer.algorithm}-{layer.encoded}", check)

    def begin_correction(self, chain: ChainID, check: Check = _go_on) -> LayerTarget:
        """Begin the correcting layer of a chain; as `begin`."""
        return self._begin(f"chain-{chain.encoded}", check)

    def _begin(self, key: str, check: Check) -> LayerTarget:
        from shale.snapshot.target import LayerTarget  # noqa: PLC0415 - not where all layers are here

        workplace = self._store.layers.workplace(key, waiting=check)
        try:
            return LayerTarget(self._form, self._store.layers, self._store.unpacked, workplace, self._boot)
        except BaseException:
            workplace.close()
            raise

    def ensure(self, layers: Sequence[LayerKey], check: Check = _go_on) -> None:
        """Make those of the layers mountable that are not, several at a time.

        Args:
            layers: whose blobs are here, and stay: a name, a container or a lease reaches them.
            check: called often, from several threads.

        Raises:
            BlobNotFound, BlobDamaged: what a layer is made of is not here, or not right.
            InvalidTar: a layer is malformed or hostile.
            LayerBusy: somebody else has been making one for too long.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        here = self.usable([layer.diff_id for layer in layers])
        missing = {layer.diff_id: layer for layer in layers if layer.diff_id not in here}
        if len(missing) <= 1:
            for layer in missing.values():
                self._make(layer, check)
            return
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - slow to import, seldom needed

        stopped = Event()

        def stop_together() -> None:
            check()
            if stopped.is_set():
                raise Cancelled("stopped, because another layer could not be made mountable")

        with ThreadPoolExecutor(_JOBS, thread_name_prefix="layer") as pool:
            made = [pool.submit(self._make, layer, stop_together) for layer in missing.values()]
            try:
                failures = [error for one in made if (error := one.exception()) is not None]
            finally:
                stopped.set()
        if failures:
            raise next((one for one in failures if not isinstance(one, Cancelled)), failures[0])

    def usable(self, diff_ids: Sequence[DiffID]) -> dict[DiffID, UnpackedLayer]:
        """Those of the layers that are mountable and can be trusted; some are made durable on the way."""
        found = self._store.unpacked.find(diff_ids, self._form.name)
        good = {
            diff_id: row
            for diff_id, row in found.items()
            if (row.synced or row.boot == self._boot) and self._store.layers.holds(row.name)
        }
        now = time.time()
        settled = [row for row in good.values() if not row.synced and not 0 <= now - row.written < _SETTLED]
        for row in self._settle(settled):
            del good[row.diff_id]
        return good

    def _settle(self, rows: Sequence[UnpackedLayer]) -> list[UnpackedLayer]:
        """Make layers durable; those that cannot be are taken away and returned.

        A failed sync is never tried again: the kernel has dropped what it could not write.
        """
        durable, lost = [], []
        for row in rows:
            try:
                self._form.sync(self._store.layers.folder, row.name)
                durable.append(row)
            except ShaleError:
                lost.append(row)
        if lost:
            with self._store.database.write() as tx:
                for row in lost:
                    self._store.unpacked.drop(tx, row.diff_id, row.form)
        if durable:
            # Where their names or rows cannot be made durable, they are good all the same until a power cut.
            with suppress(ShaleError):
                self._store.layers.sync()
                with self._store.database.write() as tx:
                    for row in durable:
                        self._store.unpacked.set_synced(tx, row)
        return lost

    def _make(self, layer: LayerKey, check: Check) -> None:
        """Make one layer mountable from its blob."""
        from shale.snapshot.blobtar import scan_blob  # noqa: PLC0415 - not where all are mountable already

        with self.begin(layer.digest, check) as target:
            if self.usable([layer.diff_id]):
                return  # somebody else has made it while we waited
            facts = scan_blob(self._store.blobs, layer.digest, target, check)
            if facts.diff_id != layer.diff_id:
                raise BlobDamaged(layer.digest, f"it unpacks to {facts.diff_id}, not to {layer.diff_id}")
            record = LayerRecord(layer.digest, facts.diff_id, facts.tar_size, facts.content_size)
            with self._store.database.write() as tx:
                self._store.content.record_layers(tx, [record])
                target.commit(tx, layer.diff_id)

    def open(self, diff_id: DiffID) -> int:
        """The root of a mountable layer; see `LayerForm.open`.

        Raises:
            NotFound, LayerDamaged: see there.
        """
        return self._form.open(self._store.layers.folder, layer_name(diff_id, self._form.name))

    def open_all(self, layers: Sequence[LayerKey], check: Check = _go_on) -> list[int]:
        """The roots of layers, topmost first, as lower directories of an overlay; those missing are made.

        A layer that occurs twice is there once, where it is topmost: what it has lower down is hidden by the
        same above, and overlay takes no directory twice.

        Args:
            layers: bottom first.
            check: called often.

        Returns:
            Descriptors, which the caller closes.

        Raises:
            LayerDamaged: one that was made just now cannot be mounted.
            ShaleError: see `ensure`.
        """
        self.ensure(layers, check)
        roots: list[int] = []
        try:
            for layer in {layer.diff_id: layer for layer in reversed(layers)}.values():
                roots.append(self._open_again(layer, check))  # noqa: PERF401 - closed where one fails
        except BaseException:
            close_all(roots)
            raise
        return roots

    def _open_again(self, layer: LayerKey, check: Check) -> int:
        """Open a layer, and where it is damaged or just removed, make it again."""
        try:
            return self.open(layer.diff_id)
        except (NotFound, LayerDamaged):
            self.remove(layer.diff_id)
            self._make(layer, check)
            return self.open(layer.diff_id)

    def tar(self, layer: LayerKey) -> BinaryIO:
        """The tar of a layer, at its beginning; the caller closes it.

        Where the form has it as it is, it can be sought in; else it can only be read.

        Raises:
            BlobNotFound: its blob is not here.
        """
        if isinstance(self._form, _KeepsTar):
            name = layer_name(layer.diff_id, self._form.name)
            with suppress(NotFound, LayerDamaged):
                return self._form.open_tar(self._store.layers.folder, name)
        from shale.snapshot.blobtar import open_tar  # noqa: PLC0415 - as `_make`

        return open_tar(self._store.blobs, layer.digest)

    def verify(self, diff_id: DiffID) -> None:
        """Read a mountable layer and compare it with what it should be.

        Raises:
            NotFound, LayerDamaged: see `LayerForm.verify`.
        """
        name = layer_name(diff_id, self._form.name)
        self._form.verify(self._store.layers.folder, name, diff_id)

    def remove(self, diff_id: DiffID) -> None:
        """Take a mountable layer away; it is made again when it is needed."""
        with self._store.database.write() as tx:
            self._store.unpacked.drop(tx, diff_id, self._form.name)
        self._store.layers.sweep()

    @staticmethod
    def chain_of(layers: Sequence[LayerKey]) -> ChainID:
        """The ChainID of a stack; one without layers is called by the hash of nothing."""
        chain = chain_ids([layer.diff_id for layer in layers])
        return chain[-1] if chain else ChainID.of(b"")


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)
