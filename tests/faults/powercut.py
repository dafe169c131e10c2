"""Power cuts: from the log of a workload, the folders that a machine may find after its power came back.

The model (that of ALICE, OSDI 2014, for a file system that promises nothing but POSIX):
- Bytes are on the disk once the file was synced. What was written since may be there, or be missing, or be
  zeros, or be there in part; the size likewise.
- A folder's entry that came or went is on the disk once the folder was synced. Until then it may be there or
  not, whatever else is there: so a rename may be there and the renamed bytes not, the new name may be there
  and the old one too.
- Everything before the cut may be there, whether synced or not.

The database: SQLite writes from C, where the recorder does not see it. After each commit its files are copied;
a cut after a commit finds that copy, a cut inside one finds the copy before, the copy after, or the older one
with half of the new log. This believes that SQLite with synchronous=FULL has synced what it committed; that is
SQLite's promise, tested by its makers with the same method, and the schema is set in `shale.store.database`.
Modes and times of files are not modelled.
"""

from __future__ import annotations

import pickle
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.killer import run_plan
from faults.recorder import Database, Entry, Log, Promise, Sync, Truncate, Write

__all__ = ["State", "record", "states"]

Damaged = Callable[[bytes, bytes], bytes]
"""Synced bytes and written bytes to what is found."""

_LOSSES: dict[str, Damaged] = {
    "synced bytes only": lambda synced, _: synced,
    "empty": lambda _, __: b"",
    "zeros": lambda synced, written: synced + bytes(max(0, len(written) - len(synced))),
    "half": lambda synced, written: written[: (len(synced) + len(written)) // 2],
}


@dataclass(frozen=True, slots=True)
class State:
    """What a disk may hold after a cut.

    Attributes:
        cut: after how many events.
        what: what of the unsynced is lost, for a message.
        files: path below the root to content; None for a folder.
        database: a copy of the database's files.
        torn_log: the log (WAL) to put there instead, where the cut came in the middle of a commit.
        promises: what had been said before the cut.
    """

    cut: int
    what: str
    files: dict[str, bytes | None]
    database: Path
    torn_log: bytes | None
    promises: tuple[str, ...]

    def mount(self, root: Path) -> None:
        """Make the folder as the machine finds it."""
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for path, content in sorted(self.files.items()):
            if content is None:
                (root / path).mkdir(mode=0o700)
            else:
                (root / path).write_bytes(content)
        for file in self.database.iterdir():
            shutil.copy(file, root / file.name)
        if self.torn_log is not None:
            (root / "shale.db-wal").write_bytes(self.torn_log)

    @property
    def key(self) -> object:
        """Equal for states that look the same and must hold the same."""
        return (tuple(sorted(self.files.items())), self.database, self.torn_log, self.promises)


def record(work: str, folder: Path, *, prepare: str | None = None, args: Sequence[object] = ()) -> Log:
    """Run a workload once, undisturbed, and return its log.

    Raises:
        RuntimeError: the workload failed.
    """
    (result,) = run_plan("record", work, folder, prepare, args)
    if result.error:
        raise RuntimeError(result.error)
    log: Log = pickle.loads((folder / "record" / "log").read_bytes())
    return log


def states(log: Log, *, seed: int, subsets: int = 2) -> Iterator[State]:
    """Every cut: with all of the unsynced, with none, each one lost alone, and random subsets; no doubles."""
    chance = random.Random(seed)
    seen = set()
    for cut in range(log.before, len(log.events) + 1):
        for state in _at(log, cut, chance, subsets):
            if state.key not in seen:
                seen.add(state.key)
                yield state


def _at(log: Log, cut: int, chance: random.Random, subsets: int) -> Iterator[State]:
    events = log.events[:cut]
    promises = tuple(event.line for event in events if isinstance(event, Promise))
    pending = _pending_entries(log, cut)
    unsynced = _unsynced_files(log, cut)
    database = next(event.copy for event in reversed(events) if isinstance(event, Database))
    choices: list[tuple[str, set[int], dict[int, Damaged]]] = [
        ("nothing is lost", set(), {}),
        ("no unsynced entry is there", set(pending), {}),
    ]
    choices += [(f"lost: {log.events[one]}", {one}, {}) for one in pending]
    for name, loss in _LOSSES.items():
        choices += [(f"file {node}: {name}", set(), {node: loss}) for node in unsynced]
    for _ in range(subsets):
        lost = {one for one in pending if chance.random() < 0.5}
        choices.append(("a random subset", lost, {n: chance.choice(list(_LOSSES.values())) for n in unsynced}))
    for what, lost, losses in choices:
        yield State(cut, what, _files(log, cut, lost, losses), database, None, promises)
    if cut < len(log.events) and isinstance(after := log.events[cut], Database):
        for torn in _torn(database, after.copy):
            yield State(cut, "inside a commit", _files(log, cut, set(), {}), database, torn, promises)


def _pending_entries(log: Log, cut: int) -> list[int]:
    """Numbers of the entries since whose coming or going the folder was not synced."""
    pending: list[int] = []
    for number, event in enumerate(log.events[log.before : cut], log.before):
        if isinstance(event, Entry):
            pending.append(number)
        elif isinstance(event, Sync):
            pending = [one for one in pending if getattr(log.events[one], "folder", None) != event.node]
    return pending


def _unsynced_files(log: Log, cut: int) -> list[int]:
    unsynced: dict[int, None] = {}
    for event in log.events[log.before : cut]:
        if isinstance(event, Write | Truncate):
            unsynced[event.node] = None
        elif isinstance(event, Sync):
            unsynced.pop(event.node, None)
    return list(unsynced)


def _files(log: Log, cut: int, lost: set[int], losses: dict[int, Damaged]) -> dict[str, bytes | None]:
    entries: dict[int, dict[str, int]] = {node: {} for node in log.folders}
    written: dict[int, bytes] = {}
    synced: dict[int, bytes] = {}
    for number, event in enumerate(log.events[:cut]):
        match event:
            case Entry(folder, name, None) if number not in lost:
                entries[folder].pop(name, None)
            case Entry(folder, name, int(node)) if number not in lost:
                entries[folder][name] = node
            case Write(node, offset, content):
                old = written.get(node, b"").ljust(offset, b"\0")
                written[node] = old[:offset] + content + old[offset + len(content) :]
            case Truncate(node, size):
                written[node] = written.get(node, b"")[:size].ljust(size, b"\0")
            case Sync(node):
                synced[node] = written.get(node, b"")
        if number == log.before - 1:
            synced = dict(written)
    for node, loss in losses.items():
        written[node] = loss(synced.get(node, b""), written.get(node, b""))
    return dict(_walk("", 0, entries, written))


def _walk(
    prefix: str, folder: int, entries: dict[int, dict[str, int]], written: dict[int, bytes]
) -> Iterable[tuple[str, bytes | None]]:
    for name, node in entries[folder].items():
        if node in entries:
            yield prefix + name, None
            yield from _walk(f"{prefix}{name}/", node, entries, written)
        else:
            yield prefix + name, written.get(node, b"")


def _torn(before: Path, after: Path) -> Iterator[bytes]:
    """The log of the older copy with a part of what the commit appended; it is checked by sums in the log."""
    old, new = before / "shale.db-wal", after / "shale.db-wal"
    if not new.exists():
        return
    start = old.read_bytes() if old.exists() else b""
    end = new.read_bytes()
    for part in (len(start) + (len(end) - len(start)) // 2, len(end) - 1):
        if part > len(start) and end.startswith(start):
            yield end[:part]
            yield end[:part] + bytes(len(end) - part)
