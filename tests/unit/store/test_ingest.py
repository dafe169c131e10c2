from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shale.errors import Cancelled, Invalid
from shale.oci.digest import Digest
from shale.store.ingest import DigestMismatch, IngestNote, SizeMismatch
from shale.store.ingests import IngestBusy, ingest_key
from shale.store.store import Store, open_store
from store_images import noise

CONTENT = noise("content", 3_000_000)
DIGEST = Digest.of(CONTENT)
KEY = ingest_key(DIGEST)


def test_closing_keeps_the_bytes_and_the_next_one_continues(store: Store) -> None:
    note = IngestNote(etag='"v1"', origin="registry.example/a")
    with store.ingests.open(KEY) as ingest:
        assert ingest.note == IngestNote()
        ingest.write(CONTENT[:2_500_000])
        ingest.remember(note)
    assert store.ingests.bytes_kept(KEY) == 2_500_000
    with store.ingests.open(KEY) as ingest:
        assert ingest.note == note
        seen = bytearray()
        assert ingest.resume(seen.extend) == ingest.offset == 2_500_000
        assert seen == CONTENT[:2_500_000]
        ingest.write(memoryview(CONTENT)[2_500_000:])
        assert ingest.digest == DIGEST
        assert ingest.commit(DIGEST, len(CONTENT)) == DIGEST
    assert store.blobs.read(DIGEST, len(CONTENT)) == CONTENT
    assert store.ingests.bytes_kept(KEY) == 0


def test_bytes_that_are_not_resumed_do_not_get_into_the_blob(store: Store) -> None:
    with store.ingests.open(KEY) as ingest:
        ingest.write(CONTENT)
    with store.ingests.open(KEY) as ingest:
        ingest.write(b"short")
        digest = ingest.commit()
    assert store.blobs.read(digest, 100) == b"short"


def test_starting_over_forgets_everything(store: Store) -> None:
    with store.ingests.open(KEY) as ingest:
        ingest.write(b"junk")
        ingest.restart()
        ingest.write(b"content")
        assert ingest.commit(Digest.of(b"content"), 7) == Digest.of(b"content")


def test_a_mismatch_drops_the_bytes(store: Store) -> None:
    with store.ingests.open(KEY) as ingest:
        ingest.write(CONTENT[:-1] + b"x")
        with pytest.raises(DigestMismatch, match="nothing of it was kept") as raised:
            ingest.commit(DIGEST, len(CONTENT))
        assert raised.value.expected == DIGEST
        assert ingest.offset == store.ingests.bytes_kept(KEY) == 0
        ingest.write(CONTENT + b"x")
        with pytest.raises(SizeMismatch) as size:
            ingest.commit(DIGEST, len(CONTENT))
        assert (size.value.expected, size.value.found) == (len(CONTENT), len(CONTENT) + 1)
        ingest.write(CONTENT)
        ingest.commit(DIGEST, len(CONTENT))
    assert list(store.blobs) == [DIGEST]


def test_discarding_leaves_nothing(store: Store, root: Path) -> None:
    with store.ingests.open(KEY) as ingest:
        ingest.write(b"some")
        ingest.remember(IngestNote(origin="x"))
        ingest.discard()
    assert os.listdir(root / "ingest") == []


@pytest.mark.parametrize("key", ["", "..", "a/b", "A", "-a", "x" * 142, "a\n"])
def test_keys_are_no_paths(store: Store, key: str) -> None:
    with pytest.raises(Invalid):
        store.ingests.open(key)


def test_waiting_is_bounded_and_can_be_stopped(store: Store, root: Path) -> None:
    def stop() -> None:
        raise Cancelled("stopped")

    with store.ingests.open(KEY), open_store(root) as other:
        with pytest.raises(IngestBusy, match="another process has been writing"):
            other.ingests.open(KEY, patience=0)
        with pytest.raises(Cancelled):
            other.ingests.open(KEY, waiting=stop)


def test_who_waited_finds_the_blob(store: Store, root: Path) -> None:
    """The holder's folder goes when it commits: who waited must end with a lock on a folder that is there."""
    first = store.ingests.open(KEY)
    found = []

    def second() -> None:
        with open_store(root) as other, other.ingests.open(KEY) as ingest:
            found.append(other.blobs.holds(DIGEST))
            ingest.write(b"on a live folder")

    waiting = threading.Thread(target=second)
    waiting.start()
    first.write(CONTENT)
    first.commit(DIGEST, len(CONTENT))
    waiting.join()
    assert found == [True]
    assert store.ingests.bytes_kept(KEY) == 16


def test_a_lock_on_a_folder_that_was_replaced_does_not_count(store: Store, root: Path) -> None:
    (root / "ingest" / KEY).mkdir()
    stale = os.open(root / "ingest" / KEY, os.O_RDONLY)
    fcntl.flock(stale, fcntl.LOCK_EX)
    (root / "ingest" / KEY).rmdir()
    with store.ingests.open(KEY, patience=0) as ingest:
        ingest.write(b"x")
        os.close(stale)
    assert store.ingests.bytes_kept(KEY) == 1


def test_many_threads_open_and_finish_one_key(root: Path) -> None:
    """Folders come and go between any two calls of the others; nobody may fail for it."""
    errors: list[BaseException] = []

    def churn() -> None:
        try:
            with open_store(root) as mine:
                for _ in range(60):
                    with mine.ingests.open("one-key") as ingest:
                        ingest.write(b"x")
                        ingest.discard()
        except BaseException as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_abandoned_are_those_that_nobody_works_on(store: Store, root: Path) -> None:
    for key in ("held", "old", "young"):
        with store.ingests.open(key) as ingest:
            ingest.write(b"x")
    (root / "ingest" / "junk").touch()
    for key in ("held", "old"):
        os.utime(root / "ingest" / key / "data", (1, 1))
    with store.ingests.open("held"):
        assert store.ingests.abandoned(older_than=100) == ["old"]
    with store.ingests.open("old", patience=0) as ingest:  # looking has not kept the lock
        ingest.discard()


@pytest.mark.parametrize("note", [b"", b"{", b'{"etag": 1}', b"\xff", b'{"etag": "\xff"}'])
def test_a_broken_note_is_no_note(store: Store, root: Path, note: bytes) -> None:
    with store.ingests.open(KEY) as ingest:
        ingest.write(b"x")
    (root / "ingest" / KEY / "note.json").write_bytes(note)
    with store.ingests.open(KEY) as ingest:
        assert ingest.note == IngestNote()


_AS_A_USER = """
import os, sys
from pathlib import Path
from shale.store.store import open_store
root = Path(sys.argv[1])
with open_store(root) as store:
    with store.ingests.open("key") as ingest:
        ingest.write(b"all of it")
    os.chmod(root / "ingest/key/data", 0o444)
    if os.getuid() == 0:  # root may write to anything: go on as somebody else, in the folders that are open
        for folder, _, files in os.walk(root):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chown(path, 65534, 65534)
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    with store.ingests.open("key") as ingest:
        ingest.resume()
        print(ingest.commit(), flush=True)
    os._exit(0)
"""


def test_a_user_resumes_after_a_kill_between_chmod_and_rename(root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _AS_A_USER, str(root)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
    )
    assert (ran.stderr, ran.stdout.strip()) == ("", str(Digest.of(b"all of it")))
