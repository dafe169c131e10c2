"""Watches the calls by which this process changes files: the functions of `os`, and SQLite's commits.

It is installed in a child process that does one workload and ends, so nothing is ever put back. SQLite writes
its files from C: of it, each statement that commits is one call here (what a kill inside a commit does is
SQLite's own well-tested business; before and after it are ours).
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Watch", "install"]

CHANGING = (
    "open", "mkdir", "rmdir", "rename", "replace", "link", "symlink", "unlink", "remove", "write", "pwrite",
    "writev", "pwritev", "ftruncate", "truncate", "fsync", "fdatasync", "fchmod", "chmod", "utime",
    "posix_fallocate", "copy_file_range", "sendfile",
)  # fmt: skip
_COMMITS = ("COMMIT", "PRAGMA JOURNAL_MODE")


@dataclass(frozen=True, slots=True)
class Call:
    """One call that changes something.

    Attributes:
        number: its place in the order of calls, from 1.
        name: the function of `os`, or `sqlite commit`.
        args: its positional arguments.
        kwargs: the others.
    """

    number: int
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Watch = Callable[[Call, Callable[[], Any]], Any]
"""Is given a call and the way to do it, and returns its result; it may kill, raise or record instead."""


def install(watch: Watch) -> None:
    """Put a watch between this process and its files, for good."""
    lock = threading.RLock()
    count = 0

    def pass_on(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], do: Callable[[], Any]) -> Any:
        nonlocal count
        with lock:  # one after the other, so that an order is an order with threads too
            count += 1
            return watch(Call(count, name, args, kwargs), do)

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not _opens_for_writing(*args, **kwargs):
                return real(*args, **kwargs)
            return pass_on(name, args, kwargs, functools.partial(real, *args, **kwargs))

        return call

    for name in CHANGING:
        setattr(os, name, wrap(name, getattr(os, name)))

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            do = functools.partial(super().execute, sql, *args)
            if sql.upper().startswith(_COMMITS) and (self.in_transaction or sql.upper().startswith("PRAGMA")):
                result: sqlite3.Cursor = pass_on("sqlite commit", (sql,), {}, do)
                return result
            return do()

    sqlite3.connect = functools.partial(sqlite3.connect, factory=Watched)  # type: ignore[assignment]


def _opens_for_writing(path: object, flags: int, *_: object, **__: object) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
