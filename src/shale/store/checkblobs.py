"""The check's look at files: every recorded blob, hashed in threads (hashlib and read release the lock)."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import msgspec

from shale.linux.durable import StorageFailure
from shale.oci.digest import Digest
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.findings import CheckProgress, Damage, Finding, Leftover
from shale.store.reach import is_needed
from shale.store.store import Store

__all__ = ["BlobCheck"]

_PAGE: Final = 500
_TRIES: Final = 5


class _Look(msgspec.Struct, frozen=True):
    """What one look at one file told.

    Attributes:
        identity: which file it was; another one under the same name is worth a look of its own.
        size: its bytes; -1 where there is no file.
        problem: what its content has, if anything.
        detail: in the words of the error.
    """

    identity: tuple[int, int, int]
    size: int
    problem: Damage | None = None
    detail: str = ""


class BlobCheck:
    """Looks at every recorded blob once."""

    def __init__(self, store: Store, *, read_data: bool, progress: Callable[[CheckProgress], None]) -> None:
        self._store = store
        self._read_data = read_data
        self._progress = progress
        self.count = 0
        self.bytes_read = 0

    def run(self) -> Iterator[Finding]:
        """Every finding, in order of the digests."""
        workers = min(8, os.cpu_count() or 1)
        with self._store.database.read() as tx:
            blobs_total, bytes_total = tx.rows("SELECT count(*), coalesce(sum(size), 0) FROM blobs")[0]
        done = 0
        with ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
            try:
                for digest, size, look in self._looks(pool, 2 * workers):
                    self.count += 1
                    done += size
                    self.bytes_read += max(0, look.size) if self._read_data else 0
                    yield from self._confirm(digest, size, look)
                    self._progress(CheckProgress(self.count, blobs_total, done, bytes_total))
            finally:
                pool.shutdown(cancel_futures=True)

    def _looks(self, pool: ThreadPoolExecutor, window: int) -> Iterator[tuple[Digest, int, _Look]]:
        """Look at files in threads, a few ahead, and tell in order."""
        ahead: deque[tuple[Digest, int, Future[_Look]]] = deque()
        for digest, size in self._rows():
            ahead.append((digest, size, pool.submit(self._look, digest)))
            if len(ahead) >= window:
                first, expected, future = ahead.popleft()
                yield first, expected, future.result()
        for first, expected, future in ahead:
            yield first, expected, future.result()

    def _rows(self) -> Iterator[tuple[Digest, int]]:
        last = ""
        while True:
            with self._store.database.read() as tx:
                page = tx.rows(
                    "SELECT digest, size FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?", (last, _PAGE)
                )
            yield from ((Digest.parse(digest), size) for digest, size in page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def _look(self, digest: Digest) -> _Look:
        identity, size = self._identity(digest)
        if size < 0 or not self._read_data:
            return _Look(identity, size)
        try:
            self._store.blobs.verify(digest)
        except BlobNotFound:
            return _Look((0, 0, 0), -1)
        except BlobDamaged as error:
            return _Look(identity, size, Damage.WRONG_BYTES, error.reason)
        except StorageFailure as error:
            return _Look(identity, size, Damage.UNREADABLE_BLOB, error.message)
        return _Look(identity, size)

    def _identity(self, digest: Digest) -> tuple[tuple[int, int, int], int]:
        status = self._store.blobs.status(digest)
        if status is None:
            return (0, 0, 0), -1
        return (status.st_dev, status.st_ino, status.st_ctime_ns), status.st_size

    def _confirm(self, digest: Digest, expected: int, look: _Look) -> Iterator[Finding]:
        """Look again where nobody can remove a file in between; only what is wrong then is reported."""
        for _ in range(_TRIES):
            if look.size == expected and look.problem is None:
                return
            with self._store.database.write() as tx:
                row = tx.row("SELECT size FROM blobs WHERE digest = ?", (str(digest),))
                if row is None:
                    return  # collected meanwhile
                expected = row[0]
                if self._identity(digest) == (look.identity, look.size):
                    needed = look.size >= 0 or is_needed(tx, digest)
                    yield from _judge(digest, expected, look, needed=needed)
                    return
            look = self._look(digest)


def _judge(digest: Digest, expected: int, look: _Look, *, needed: bool) -> Iterator[Finding]:
    subject = str(digest)
    if look.size < 0:
        yield Finding(
            Damage.MISSING_BLOB if needed else Leftover.ROW_WITHOUT_FILE, subject, "", digest, expected
        )
    elif look.size != expected:
        detail = f"{look.size} bytes instead of {expected}"
        yield Finding(Damage.WRONG_SIZE, subject, detail, digest, expected)
    elif look.problem is not None:
        yield Finding(look.problem, subject, look.detail, digest, expected)
