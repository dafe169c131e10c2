"""One container, as its row has it.

Format: docs/formats.md, the table `containers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from shale.container.spec import ContainerSpec, decode_spec
from shale.container.states import State
from shale.linux.boot import ProcessIdentity
from shale.oci.digest import Digest

__all__ = ["COLUMNS", "ContainerRecord", "record_of", "row_of"]

COLUMNS: Final = (
    "id, name, image, manifest, created, spec, state, boot, namespace, pid, ticks, started, finished, "
    "exit_code, failure"
)


class ContainerRecord(msgspec.Struct, frozen=True):
    """A container.

    Attributes:
        id: 64 hexadecimal digits.
        name: unique in the store.
        image: the image as the caller named it.
        manifest: digest of the image manifest that it was made of; the store keeps that content.
        created: seconds since the epoch, as all times.
        spec: what it should be.
        state: what it is.
        process: its first process while it runs; while it is being started, who starts it.
        started: when its first process began last; None where none ever did.
        finished: when that ended; None while it runs.
        exit_code: of the first process, or of a start that failed; None where neither was.
        failure: why the last start failed; None where it did not.
    """

    id: str
    name: str
    image: str
    manifest: Digest
    created: float
    spec: ContainerSpec
    state: State = State.CREATED
    process: ProcessIdentity | None = None
    started: float | None = None
    finished: float | None = None
    exit_code: int | None = None
    failure: str | None = None

    @property
    def short(self) -> str:
        """The first 12 digits of the id, as people see them."""
        return self.id[:12]


def row_of(record: ContainerRecord) -> tuple[Any, ...]:
    """The values of `COLUMNS`."""
    process = record.process
    identity = (process.boot, process.namespace, process.pid, process.started) if process else (None,) * 4
    return (
        record.id, record.name, record.image, str(record.manifest), record.created, record.spec.encode(),
        record.state.value, *identity, record.started, record.finished, record.exit_code, record.failure,
    )  # fmt: skip


def record_of(row: Sequence[Any]) -> ContainerRecord:
    """The record of a row with the columns `COLUMNS`."""
    key, name, image, manifest, created, spec, state, boot, namespace, pid, ticks, *rest = row
    started, finished, exit_code, failure = rest
    process = ProcessIdentity(boot, namespace, pid, ticks) if boot is not None else None
    return ContainerRecord(
        key, name, image, Digest.parse(manifest), created, decode_spec(spec), State(state), process,
        started, finished, exit_code, failure,
    )  # fmt: skip
