"""Checking and healing a store: the store's own check, with registries to fetch from and layers to measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from shale.engine.engine import Engine
from shale.engine.registries import Registries
from shale.engine.settings import Settings
from shale.errors import Cancelled, NotFound, ShaleError, Unsupported
from shale.events import Listener, silent
from shale.image.intake import Intake
from shale.layer.verify import LayerScanner
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.store.actions import Action, Wanted
from shale.store.check import check
from shale.store.content import LayerRecord
from shale.store.database import DatabaseDamaged
from shale.store.findings import CheckProgress, CheckReport, Damage, Finding
from shale.store.rebuild import rebuild_database
from shale.store.repair import repair
from shale.store.store import Store
from shale.store.unpacked import UnpackedLayer

__all__ = ["NotFetched", "Upkeep", "check_store", "repair_store"]

_READ: Final = 1024 * 1024
_ANY: Final = "application/octet-stream"
"""What a repair says of a blob: its digest and size are what counts."""

Progress = Callable[[CheckProgress], None]


class NotFetched(NotFound):
    """No registry that should have a lost blob brought it."""


class Upkeep(msgspec.Struct, frozen=True):
    """What a repair found and did.

    Attributes:
        before: what was wrong.
        actions: what was done about it, in order.
        after: what is wrong still.
    """

    before: CheckReport
    actions: Sequence[Action]
    after: CheckReport


def check_store(settings: Settings, *, read_data: bool, progress: Progress) -> CheckReport:
    """Check the store of an engine's settings; see `shale.store.check.check`.

    A database that cannot even be opened is a finding too.

    Raises:
        DatabaseBusy, StorageFailure, NoPermission: the check could not be made.
    """
    try:
        with Engine(settings) as engine:
            return _check(engine, read_data=read_data, progress=progress)
    except DatabaseDamaged as error:
        return _unreadable(error)


def repair_store(
    settings: Settings, *, read_data: bool, progress: Progress, listener: Listener = silent
) -> Upkeep:
    """Check the store, and heal what can be healed; what is lost comes from where it came.

    Args:
        settings: where the store is, and how registries are reached.
        read_data: hash every blob; false looks at names, sizes and documents only.
        progress: called after every blob that was looked at.
        listener: told about fetches that are tried again.

    Raises:
        RebuildUnderWay, DatabaseBusy, StorageFailure, NoPermission, DiskFull: it could not be done.
        Cancelled: stopped; what was done is done.
    """
    before: CheckReport | None = None
    actions: list[Action] = []
    while True:
        try:
            with Engine(settings) as engine:
                report = _check(engine, read_data=read_data, progress=progress)
                before = before or report
                actions += _heal(engine, report, listener)
                after = check(engine.store, read_data=False)
                return Upkeep(before, actions, after)
        except DatabaseDamaged as error:
            before = before or _unreadable(error)
            # A database made anew is sound: one that is damaged again at once is the disk's fault.
            if any(action.subject == "shale.db" for action in actions):
                raise
            actions += rebuild_database(settings.root)


def _check(engine: Engine, *, read_data: bool, progress: Progress) -> CheckReport:
    def verify(layer: UnpackedLayer) -> None:
        form = forms.get(layer.form)
        if form is None:
            raise Unsupported(f"layers in the form {layer.form} cannot be read")
        form.verify(engine.store.layers.folder, layer.name, layer.diff_id)

    forms = engine.parts.snapshotting.forms() if read_data else {}
    return check(engine.store, read_data=read_data, progress=progress, verify_layer=verify)


def _unreadable(error: DatabaseDamaged) -> CheckReport:
    return CheckReport(damage=(Finding(Damage.DATABASE, "shale.db", error.message),))


def _heal(engine: Engine, report: CheckReport, listener: Listener) -> list[Action]:
    if report.is_sound and not report.leftovers:
        return []
    registries = Registries(engine.settings, listener)
    try:
        supply = _Supply(engine.store, registries)
        return repair(engine.store, report, supply.fetch, supply.measure)
    finally:
        registries.close()


class _Supply:
    """Gets for a repair what the store cannot make itself."""

    def __init__(self, store: Store, registries: Registries) -> None:
        self._store = store
        self._registries = registries
        self._intake = Intake(store, silent, Cancellation().check)

    def fetch(self, wanted: Wanted) -> None:
        """Bring a lost blob from the first repository that still has it.

        Raises:
            NotFetched: none has it.
        """
        failures = []
        for source in wanted.sources:
            reference = Reference(source.registry, source.repository)
            try:
                self._fetch_from(reference, wanted)
            except Cancelled:
                raise
            except ShaleError as error:
                failures.append(error.message)
            else:
                return
        raise NotFetched("; ".join(failures))

    def _fetch_from(self, reference: Reference, wanted: Wanted) -> None:
        repository = self._registries.repository(reference)
        if wanted.is_document:
            self._intake.document(repository.document(wanted.digest))
            return
        size = wanted.size if wanted.size is not None else self._size(reference, wanted.digest)
        self._intake.blob(repository, Descriptor(media_type=_ANY, digest=wanted.digest, size=size))

    def _size(self, reference: Reference, digest: Digest) -> int:
        size = self._registries.client.at(reference).blobs.head(digest)
        if size is None:
            raise NotFetched(f"{reference.familiar_name} does not tell the size of {digest}")
        return size

    def measure(self, digest: Digest) -> LayerRecord:
        """Inflate a stored layer, and add its files up."""
        buffer = memoryview(bytearray(_READ))
        with self._store.blobs.open(digest) as blob, LayerScanner() as scanner:
            while count := blob.readinto(buffer):  # type: ignore[attr-defined]  # BinaryIO lacks it
                scanner.feed(buffer[:count])
            facts = scanner.result()
        return LayerRecord(digest, facts.diff_id, facts.tar_size, facts.content_size)
