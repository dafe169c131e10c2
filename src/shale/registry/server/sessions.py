"""Uploads under way: who may continue which, and what is kept between two requests.

The hash runs along in memory from one request to the next; when the process ends, or too many uploads lie
idle, only the bytes stay (an ingest of the store), and the next request reads them once to take up the hash.

Format of the ids: docs/registry.md "Upload ids".
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from shale.oci.digest import Digest
from shale.registry.server.storage import TooManyUploads, UploadBusy, UploadUnknown
from shale.store.ingest import DigestMismatch, Ingest
from shale.store.ingests import IngestBusy, Ingests

__all__ = ["UploadSession", "UploadSessions"]

_PREFIX: Final = "upload-"
_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_IDLE_OPEN: Final = 64
"""Uploads between two requests whose files and hash are kept open."""


class UploadSession:
    """One upload. `UploadSessions` lets one request have it at a time, so it needs no lock of its own."""

    def __init__(self, sessions: UploadSessions, repository: str, upload_id: str) -> None:
        self.repository = repository
        self.id = upload_id
        self.held = True
        self.touched = time.time()
        self._sessions = sessions
        self._ingest: Ingest | None = None

    @property
    def key(self) -> str:
        """The key of the ingest that has the bytes."""
        return _PREFIX + self.id

    @property
    def offset(self) -> int:
        """How many bytes there are so far."""
        return self._ingest.offset if self._ingest is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether files are open for it."""
        return self._ingest is not None

    def open(self, algorithm: str = "sha256") -> Ingest:
        """The ingest, with the bytes that it has taken up.

        Raises:
            UploadBusy: another process has it.
        """
        if self._ingest is None:
            try:
                ingest = self._sessions.ingests.open(self.key, algorithm=algorithm, patience=0)
            except IngestBusy as error:
                raise UploadBusy(f"upload {self.id} is being written by another process; try again") from error
            try:
                ingest.resume()
            except BaseException:
                ingest.close()
                raise
            self._ingest = ingest
        return self._ingest

    def shut(self) -> None:
        """Close the files; the bytes stay."""
        if self._ingest is not None:
            self._ingest.close()
            self._ingest = None

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append bytes."""
        ingest = self.open()
        try:
            for chunk in chunks:
                ingest.write(chunk)
        except BaseException:
            # The hash may be ahead of the bytes (a full disk): the next request takes it up from them.
            self.shut()
            raise

    def commit(self, digest: Digest) -> None:
        """Make the bytes a blob of the repository; wrong bytes end the upload too.

        Raises:
            DigestMismatch: the bytes have another digest.
        """
        ingest = self.open(digest.algorithm)
        if ingest.digest.algorithm != digest.algorithm:
            self.shut()
            ingest = self.open(digest.algorithm)
        try:
            ingest.commit(digest)
        except DigestMismatch:
            self.cancel()
            raise
        self._ingest = None
        self._sessions.forget(self)
        self._sessions.arrived(self.repository, digest)

    def cancel(self) -> None:
        """Drop the upload and its bytes."""
        if self._ingest is not None or self._sessions.ingests.bytes_kept(self.key):
            self.open().discard()
            self._ingest = None
        self._sessions.forget(self)

    def release(self) -> None:
        """Let another request have it; the bytes stay."""
        self._sessions.release(self)


class UploadSessions:
    """All uploads of one storage. Safe to use from threads."""

    def __init__(
        self, ingests: Ingests, secret: bytes, arrived: Callable[[str, Digest], None], *, most_empty: int
    ) -> None:
        """Keep uploads.

        Args:
            ingests: where the bytes go.
            secret: signs the ids.
            arrived: is told the repository and the digest of each blob that is durable.
            most_empty: how many uploads may be open in memory.
        """
        self.ingests = ingests
        self.arrived = arrived
        self._secret = secret
        self._most = most_empty
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, UploadSession] = OrderedDict()

    def start(self, repository: str) -> UploadSession:
        """Begin an upload and hold it.

        Raises:
            TooManyUploads: enough are open.
        """
        random = secrets.token_hex(8)
        session = UploadSession(self, repository, random + self._signature(random, repository))
        with self._lock:
            if len(self._sessions) >= self._most:
                raise TooManyUploads(
                    f"{self._most} uploads are open; finish or cancel some, or try again later"
                )
            self._sessions[session.id] = session
        return session

    def resume(self, repository: str, upload_id: str) -> UploadSession:
        """Hold an upload that was begun for this repository.

        Raises:
            UploadUnknown: there is none of that id in this repository.
            UploadBusy: another request, or another process, holds it.
        """
        self._check(repository, upload_id)
        with self._lock:
            session = self._sessions.get(upload_id)
            if session is None:
                if not self.ingests.bytes_kept(_PREFIX + upload_id):
                    raise _unknown(upload_id)
                session = self._sessions[upload_id] = UploadSession(self, repository, upload_id)
            elif session.held:
                raise UploadBusy(f"another request is writing upload {upload_id}; wait for its end")
            session.held = True
        try:
            if session.is_open or self.ingests.bytes_kept(session.key):
                session.open()
        except BaseException:
            self.release(session)
            raise
        return session

    def release(self, session: UploadSession) -> None:
        """Take a session back, and close the files of the one that has been idle longest if there are many."""
        with self._lock:
            session.held = False
            session.touched = time.time()
            if session.id not in self._sessions:
                session.shut()
                return
            self._sessions.move_to_end(session.id)
            idle = [other for other in self._sessions.values() if other.is_open and not other.held]
            for other in idle[: max(0, len(idle) - _IDLE_OPEN)]:
                self._let_go(other)

    def forget(self, session: UploadSession) -> None:
        """Drop a session that is over."""
        with self._lock:
            self._sessions.pop(session.id, None)

    def expire(self, older_than: float) -> int:
        """Drop what nobody touched since a time (seconds, epoch), in memory and on disk."""
        with self._lock:
            old = [one for one in self._sessions.values() if not one.held and one.touched < older_than]
            for session in old:
                session.held = True
        for session in old:
            session.cancel()
        return len(old) + self._expire_on_disk(older_than)

    def close(self) -> None:
        """Close all files; the bytes stay."""
        with self._lock:
            for session in self._sessions.values():
                session.shut()
            self._sessions.clear()

    def _expire_on_disk(self, older_than: float) -> int:
        count = 0
        for key in self.ingests.abandoned(older_than):
            # Somebody may have taken it up in between; then it is not abandoned.
            with suppress(IngestBusy):
                self.ingests.open(key, patience=0).discard()
                count += 1
        return count

    def _let_go(self, session: UploadSession) -> None:
        has_bytes = session.offset > 0
        session.shut()
        if has_bytes:
            del self._sessions[session.id]

    def _check(self, repository: str, upload_id: str) -> None:
        known = _ID.match(upload_id) is not None
        if not known or not hmac.compare_digest(self._signature(upload_id[:16], repository), upload_id[16:]):
            raise _unknown(upload_id)

    def _signature(self, random: str, repository: str) -> str:
        return hmac.new(self._secret, f"{random}\n{repository}".encode(), hashlib.sha256).hexdigest()[:16]


def _unknown(upload_id: str) -> UploadUnknown:
    return UploadUnknown(f"there is no upload {upload_id[:64]!r} in this repository; begin a new one")
