"""The containers of a store: their rows, read as what is true, and moved from state to state.

The one writer of the table: every step is one transaction that checks it against the table of states. A step is
durable where a power cut would leave another truth without it: that there is a container, how it ended, that it
is being removed. That it runs is not true after a power cut, and one with `--rm` that was started is gone then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from msgspec.structs import replace

from shale.container.folders import PATIENCE, Folders, HeldFolder
from shale.container.naming import (
    AmbiguousContainer,
    ContainerNotFound,
    NameInUse,
    check_name,
    random_name,
)
from shale.container.record import COLUMNS, ContainerRecord, record_of, row_of
from shale.container.seeing import as_seen, is_unwanted
from shale.container.states import State, StateChanged, check_move
from shale.errors import NotFound
from shale.oci.digest import Digest
from shale.store.database import Database, Transaction

__all__ = ["Containers", "Survey"]

_SELECT: Final = f"SELECT {COLUMNS} FROM containers"  # noqa: S608 - a constant
_INSERT: Final = f"INSERT INTO containers ({COLUMNS}) VALUES (?{', ?' * 14})"  # noqa: S608 - as above


class Survey(NamedTuple):
    """Everything that there is of containers.

    Attributes:
        records: every container as it truly is, the latest created first.
        abandoned: ids of what killed processes left that nobody wants; see `PutDown.tidy`.
    """

    records: list[ContainerRecord]
    abandoned: list[str]


class Containers:
    """The containers of a store. Safe to use from threads and processes.

    Attributes:
        folders: where they keep their files.
    """

    def __init__(self, database: Database, folders: Folders) -> None:
        """Use these parts of an open store."""
        self._database = database
        self.folders = folders

    def all(self) -> list[ContainerRecord]:
        """Every container as it truly is, the latest created first."""
        return self.survey().records

    def survey(self) -> Survey:
        """Look at everything that there is of containers."""
        with self._database.read() as tx:
            stored = [record_of(row) for row in tx.rows(f"{_SELECT} ORDER BY created DESC, id")]
        records, abandoned = [], []
        for one in stored:
            seen = self._see(one)
            if seen is not None:
                records.append(seen)
                if is_unwanted(one, seen) and not self.folders.is_held(one.id):
                    abandoned.append(one.id)
        known = {one.id for one in stored}
        abandoned += [key for key in self.folders.ids() if key not in known and not self.folders.is_held(key)]
        return Survey(records, abandoned)

    def is_abandoned(self, held: HeldFolder) -> bool:
        """Whether nobody wants a container whose lock we hold: half made or removed, or ended with `--rm`."""
        with self._database.read() as tx:
            row = _row(tx, held.id)
        return row is None or is_unwanted(stored := record_of(row), as_seen(stored, self.folders, held=False))

    def find(self, text: str) -> ContainerRecord:
        """One container by its id, its name, or the beginning of its id, in this order.

        Raises:
            ContainerNotFound: there is none.
            AmbiguousContainer: that is the beginning of several ids.
        """
        with self._database.read() as tx:
            stored = _find(tx, text)
        seen = self._see(stored)
        if seen is None:
            raise ContainerNotFound(text)
        return seen

    def add(self, record: ContainerRecord, is_whole: Callable[[Transaction, Digest], bool]) -> ContainerRecord:
        """Write the row of a new container; from then on its image is kept.

        Args:
            record: with an empty name where it may have any.
            is_whole: whether a manifest and all below it are here.

        Returns:
            The record, with its name.

        Raises:
            InvalidName: the name is none.
            NameInUse: another container has it.
            NotFound: the image has gone meanwhile.
        """
        name = check_name(record.name) if record.name else ""
        with self._database.write(durable=_outlives(record)) as tx:
            if not is_whole(tx, record.manifest):
                raise NotFound(f"image {record.image} is not here any more; pull it again")
            named = replace(record, name=_free_name(tx, name))
            tx.run(_INSERT, row_of(named))
        return named

    @contextmanager
    def held(
        self, container: str, *, patience: float = PATIENCE
    ) -> Iterator[tuple[HeldFolder, ContainerRecord]]:
        """Hold a container, so that nobody else starts or removes it, after `settled`.

        Args:
            container: its id.
            patience: seconds to wait for another holder; 0 to try once.

        Raises:
            ContainerNotFound: it has no row (any more).
            ContainerBusy: somebody else held it all the time.
        """
        # Its folder is made where it is missing: a remover that was killed may have left the row alone.
        with self.folders.create(container, patience=patience) as held:
            try:
                record = self.settled(held)
            except ContainerNotFound:
                self.folders.remove(held)
                raise
            yield held, record

    def settled(self, held: HeldFolder) -> ContainerRecord:
        """The container whose lock we hold, after writing down what a process that died could not.

        Raises:
            ContainerNotFound: it has no row (any more).
        """
        with self._database.read() as tx:
            row = _row(tx, held.id)
        if row is None:
            raise ContainerNotFound(held.id)
        stored = record_of(row)
        seen = as_seen(stored, self.folders, held=False)
        return seen if seen == stored else self._write(stored, seen)

    def move(self, record: ContainerRecord, to: ContainerRecord) -> ContainerRecord:
        """Bring a container from one state to another.

        Args:
            record: as its row is now.
            to: as it should be; id and name stay.

        Raises:
            StateChanged: the table has no such step, or somebody else was quicker.
            ContainerNotFound: the row is gone.
        """
        check_move(record.short, record.state, to.state)
        return self._write(record, to)

    def _write(self, record: ContainerRecord, to: ContainerRecord) -> ContainerRecord:
        values = row_of(to)[6:]
        with self._database.write(durable=to.state is not State.RUNNING and _outlives(record)) as tx:
            changed = tx.run(
                "UPDATE containers SET state = ?, boot = ?, namespace = ?, pid = ?, ticks = ?, started = ?,"
                " finished = ?, exit_code = ?, failure = ? WHERE id = ? AND state = ?",
                (*values, record.id, record.state.value),
            )
            if not changed:
                row = _row(tx, record.id)
                if row is None:
                    raise ContainerNotFound(record.id)
                raise StateChanged(
                    f"container {record.short} is {record_of(row).state.value} by now; try again"
                )
        return to

    def rename(self, record: ContainerRecord, name: str) -> None:
        """Give a container another name.

        Raises:
            InvalidName: that is no name.
            NameInUse: another container has it.
            ContainerNotFound: the row is gone.
        """
        wanted = check_name(name)
        with self._database.write() as tx:
            if not tx.run("UPDATE containers SET name = ? WHERE id = ?", (_free_name(tx, wanted), record.id)):
                raise ContainerNotFound(record.id)

    def forget(self, record: ContainerRecord) -> None:
        """Delete a row, when nothing else of the container is left; a missing one is fine.

        A power cut brings the row back as one that says `removing`, which the next command takes away.
        """
        with self._database.write(durable=False) as tx:
            tx.run("DELETE FROM containers WHERE id = ?", (record.id,))

    def _see(self, stored: ContainerRecord) -> ContainerRecord | None:
        """What is true of a row that was read without holding its lock; None where it is gone by now."""
        while True:
            if stored.process is None:
                return stored
            seen = as_seen(stored, self.folders, held=self.folders.is_held(stored.id))
            if seen.state is stored.state:
                return seen
            # Whoever supervised it may have written its end, and let go, between our two looks.
            with self._database.read() as tx:
                row = _row(tx, stored.id)
            if row is None:
                return None
            again = record_of(row)
            if again == stored:
                return seen
            stored = again


def _outlives(record: ContainerRecord) -> bool:
    """Whether a container is still wanted after a power cut: not where it was started and goes with its end."""
    return not (record.spec.remove and (record.process is not None or record.state is not State.CREATED))


def _row(tx: Transaction, container: str) -> Sequence[object] | None:
    row: Sequence[object] | None = tx.row(f"{_SELECT} WHERE id = ?", (container,))
    return row


def _find(tx: Transaction, text: str) -> ContainerRecord:
    row = _row(tx, text)
    if row is None:
        row = tx.row(f"{_SELECT} WHERE name = ?", (text.removeprefix("/"),))
    if row is not None:
        return record_of(row)
    if not text or any(digit not in "0123456789abcdef" for digit in text):
        raise ContainerNotFound(text)
    rows = tx.rows(f"{_SELECT} WHERE substr(id, 1, ?) = ? LIMIT 2", (len(text), text))
    if len(rows) > 1:
        raise AmbiguousContainer(f"multiple IDs found with provided prefix: {text}; give more of it")
    if not rows:
        raise ContainerNotFound(text)
    return record_of(rows[0])


def _free_name(tx: Transaction, wanted: str) -> str:
    attempt = 0
    while True:
        name = wanted or random_name(attempt)
        row = tx.row("SELECT id FROM containers WHERE name = ?", (name,))
        if row is None:
            return name
        if wanted:
            raise NameInUse(wanted, row[0])
        attempt += 1
