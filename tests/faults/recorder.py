"""Writes down, in the process that works, every change below a root in its order: for `powercut`."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.shim import Call

__all__ = ["Database", "Entry", "Event", "Log", "Promise", "Recorder", "Sync", "Truncate", "Write"]


_UNSEEN = ("shale.db", "reserve")
"""SQLite's files, and the room kept back: its bytes mean nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder's entry came (`node`) or went (None). Nodes are numbered as they are made; 0 is the root."""

    folder: int
    name: str
    node: int | None


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes were written to a file."""

    node: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file got a size."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's bytes, or a folder's entries, are on the disk now."""

    node: int


@dataclass(frozen=True, slots=True)
class Database:
    """SQLite committed; a copy of its files was taken right after."""

    copy: Path


@dataclass(frozen=True, slots=True)
class Promise:
    """The workload said that something is done."""

    line: str


Event = Entry | Write | Truncate | Sync | Database | Promise


@dataclass(slots=True)
class Log:
    """What happened.

    Attributes:
        events: in order.
        folders: the nodes that are folders.
        before: the root's entries at the beginning are the first events, and counted as durable.
    """

    events: list[Event] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {0})
    before: int = 0


class Recorder:
    """Watches one process; `watch` is for `shim.install`."""

    def __init__(self, root: Path, copies: Path) -> None:
        """Prepare.

        Args:
            root: the folder below which changes count.
            copies: an existing folder for copies of the database.
        """
        self.log = Log()
        self._root = root
        self._copies = copies
        self._nodes: dict[tuple[int, int], int] = {}
        self._next = 1
        self._busy = False

    def begin(self) -> None:
        """Take what is there already as the durable beginning; to be called before the shim is installed."""
        self._root.mkdir(exist_ok=True)
        self._nodes[_identity(os.stat(self._root))] = 0
        for folder, folders, files in os.walk(self._root):
            parent = self._nodes[_identity(os.stat(folder))]
            for name in folders + [name for name in files if not name.startswith(_UNSEEN)]:
                path = Path(folder, name)
                node = self._made(parent, name, path, is_folder=name in folders)
                if name not in folders:
                    self.log.events.append(Write(node, 0, path.read_bytes()))
        self._copy_database()
        self.log.before = len(self.log.events)

    def promise(self, line: str) -> None:
        self.log.events.append(Promise(line))

    def watch(self, call: Call, do: Callable[[], Any]) -> Any:
        """Do a call, and write down what it changed."""
        if self._busy:  # our own copying
            return do()
        known = getattr(self, f"_on_{call.name.replace(' ', '_')}", None)
        if known is None:
            raise NotImplementedError(f"the recorder does not know os.{call.name}: teach it")
        return known(call, do)

    def _made(self, parent: int, name: str, path: Path, *, is_folder: bool) -> int:
        node, self._next = self._next, self._next + 1
        self._nodes[_identity(os.lstat(path))] = node
        if is_folder:
            self.log.folders.add(node)
        self.log.events.append(Entry(parent, name, node))
        return node

    def _copy_database(self) -> None:
        # By another process: closing a copy's descriptor here would drop SQLite's locks on the file.
        target = self._copies / str(len(self.log.events))
        target.mkdir()
        names = [name for name in ("shale.db", "shale.db-wal") if (self._root / name).exists()]
        if names:
            subprocess.run(["cp", *(str(self._root / name) for name in names), str(target)], check=True)
        self.log.events.append(Database(target))

    def _place(self, name: str, folder: int | None) -> tuple[int, str, Path] | None:
        """The folder's node, the entry's name and its path; None where it is not below the root."""
        path = Path(name) if folder is None else Path(f"/proc/self/fd/{folder}", name)
        above = _identity(os.stat(path.parent))
        if above not in self._nodes or path.name.startswith(_UNSEEN):
            return None
        return self._nodes[above], path.name, path

    def _node(self, handle: int) -> int | None:
        return self._nodes.get(_identity(os.fstat(handle)))

    def _on_open(self, call: Call, do: Callable[[], Any]) -> Any:
        place = self._place(call.args[0], call.kwargs.get("dir_fd"))
        new = place is not None and not os.path.lexists(place[2])
        handle = do()
        if place is not None and new:
            self._made(*place, is_folder=False)
        elif place is not None and call.args[1] & os.O_TRUNC and (node := self._node(handle)) is not None:
            self.log.events.append(Truncate(node, 0))
        return handle

    def _on_mkdir(self, call: Call, do: Callable[[], Any]) -> Any:
        place = self._place(call.args[0], call.kwargs.get("dir_fd"))
        do()
        if place is not None:
            self._made(*place, is_folder=True)

    def _on_write(self, call: Call, do: Callable[[], Any]) -> Any:
        handle, content = call.args
        node = self._node(handle)
        if node is None or not stat.S_ISREG(os.fstat(handle).st_mode):
            return do()
        offset = os.lseek(handle, 0, os.SEEK_CUR)
        count: int = do()
        self.log.events.append(Write(node, offset, bytes(content[:count])))
        return count

    def _on_pwrite(self, call: Call, do: Callable[[], Any]) -> Any:
        handle, content, offset = call.args
        node = self._node(handle)
        count: int = do()
        if node is not None:
            self.log.events.append(Write(node, offset, bytes(content[:count])))
        return count

    def _on_ftruncate(self, call: Call, do: Callable[[], Any]) -> Any:
        do()
        if (node := self._node(call.args[0])) is not None:
            self.log.events.append(Truncate(node, call.args[1]))

    def _on_rename(self, call: Call, do: Callable[[], Any]) -> Any:
        old = self._place(call.args[0], call.kwargs.get("src_dir_fd"))
        new = self._place(call.args[1], call.kwargs.get("dst_dir_fd"))
        assert old is not None
        assert new is not None
        node = self._nodes.get(_identity(os.lstat(old[2])))
        do()
        if node is None:  # made by the kernel: overlay's own folder
            return
        self.log.events += [Entry(new[0], new[1], node), Entry(old[0], old[1], None)]

    def _gone(self, call: Call, do: Callable[[], Any]) -> Any:
        place = self._place(call.args[0], call.kwargs.get("dir_fd"))
        do()
        if place is not None:
            self.log.events.append(Entry(place[0], place[1], None))

    _on_unlink = _on_rmdir = _gone

    def _sync(self, call: Call, do: Callable[[], Any]) -> Any:
        do()
        if (node := self._node(call.args[0])) is not None:
            self.log.events.append(Sync(node))

    _on_fsync = _on_fdatasync = _sync

    def _on_sqlite_commit(self, call: Call, do: Callable[[], Any]) -> Any:
        result = do()
        self._busy = True
        try:
            self._copy_database()
        finally:
            self._busy = False
        return result

    def _mode(self, call: Call, do: Callable[[], Any]) -> Any:
        return do()  # modes and times change nothing that is promised

    _on_fchmod = _on_chmod = _on_utime = _on_posix_fallocate = _mode


assert shutil.which("cp"), "the recorder copies with cp"


def _identity(facts: os.stat_result) -> tuple[int, int]:
    """Which file: numbers of inodes are those of one file system, and images are mounted as others."""
    return facts.st_dev, facts.st_ino
