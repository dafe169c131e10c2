from __future__ import annotations

import gzip
import hashlib
import sys
import threading

import pytest

from shale.errors import Corrupt, Exhausted
from shale.layer.compression import Compression
from shale.layer.header import InvalidTar, TruncatedTar
from shale.layer.verify import LayerFacts, LayerScanner
from shale.oci.digest import DiffID
from unit.layer.archives import END, block, body, mixed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TAR = mixed() + b"bytes after the end"
BLOBS = {
    Compression.NONE: TAR,
    Compression.GZIP: gzip.compress(TAR),
    Compression.ZSTD: zstd.compress(TAR),
}


def scan(blob: bytes, *, threads: bool, step: int = 1 << 20, limit: int | None = None) -> LayerFacts:
    buffer = bytearray(step)
    with LayerScanner(threads=threads, limit=limit) as scanner:
        for at in range(0, len(blob), step):
            part = blob[at : at + step]
            buffer[: len(part)] = part
            scanner.feed(memoryview(buffer)[: len(part)])
            buffer[:] = b"?" * step  # as a socket's buffer is used again
        return scanner.result()


@pytest.mark.parametrize("threads", [True, False])
@pytest.mark.parametrize("step", [1, 700, 1 << 20])
@pytest.mark.parametrize("compression", Compression)
def test_facts(compression: Compression, step: int, threads: bool) -> None:
    facts = scan(BLOBS[compression], threads=threads, step=step)
    assert facts == LayerFacts(
        diff_id=DiffID("sha256", hashlib.sha256(TAR).hexdigest()),
        tar_size=len(TAR),
        content_size=0 + 1 + 511 + 512 + 513 + 1500 + len("target") + 200,
        entries=12,
        compression=compression,
    )


@pytest.mark.parametrize("threads", [True, False])
def test_an_empty_blob_is_an_empty_archive(threads: bool) -> None:
    facts = scan(b"", threads=threads)
    assert (facts.tar_size, facts.entries, facts.diff_id) == (0, 0, DiffID.of(b""))


@pytest.mark.parametrize("threads", [True, False])
def test_what_is_wrong_reaches_the_caller_and_no_thread_stays(threads: bool) -> None:
    before = threading.active_count()
    bad = body(block(size=5)) + b"12345".ljust(512, b"\0") + b"no header".ljust(512)
    cases: list[tuple[bytes, type[Exception], int | None]] = [
        (gzip.compress(bad + bytes(100 << 20)), InvalidTar, None),
        (gzip.compress(block(size=5000)), TruncatedTar, None),
        (gzip.compress(TAR)[:-1], Corrupt, None),
        (gzip.compress(TAR), Exhausted, 4000),
    ]
    for blob, kind, limit in cases:
        with pytest.raises(kind):
            scan(blob, threads=threads, limit=limit)
    assert threading.active_count() == before


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    with LayerScanner(threads=True) as scanner:
        scanner.feed(block())
    assert threading.active_count() == before


def test_the_sum_covers_what_the_scan_does_not_look_at() -> None:
    facts = [scan(block() + END + rest, threads=False) for rest in (b"", b"a", block() + END)]
    assert len({fact.diff_id for fact in facts}) == 3
    assert {fact.entries for fact in facts} == {1}
