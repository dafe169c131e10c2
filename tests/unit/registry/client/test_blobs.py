"""Fetching blobs from registries that cut, stall, lie and ramble (trials RF-1 to RF-5, RF-10)."""

from __future__ import annotations

import gzip
import random

import pytest

from faults.bad_registry import BadRegistry, Content, Reply, Step, error
from faults.clients import SHORT, MemorySink, described, rig
from shale.errors import Corrupt, Unavailable
from shale.events import RetryScheduled
from shale.registry.client.blobs import BlobTooLong
from shale.registry.client.failures import (
    BadAnswer,
    BlobNotFound,
    ConnectionCut,
    ServerFailing,
    TransferStalled,
)
from shale.registry.protocol import blob_path

DATA = random.Random(1).randbytes(300_000)
DESCRIPTOR = described(DATA)
PATH = blob_path("app", DESCRIPTOR.digest)


def fetch(*steps: Step, sink: MemorySink | None = None, stalls: bool = False) -> tuple[MemorySink, BadRegistry]:
    sink = sink if sink is not None else MemorySink()
    with BadRegistry() as registry:
        registry.script("GET", PATH, *steps)
        made = rig(registry.host, timeouts=SHORT) if stalls else rig(registry.host)
        with made.client:
            made.repository().blobs.fetch(DESCRIPTOR, sink)
    assert sink.data == DATA
    return sink, registry


def ranges(registry: BadRegistry) -> list[str]:
    return [seen.headers.get("range", "") for seen in registry.requests("GET", PATH)]


def test_whole_blob_comes_in_one_request() -> None:
    sink, registry = fetch(Content(DATA))
    assert ranges(registry) == [""]
    assert sink.received == len(DATA)


def test_blob_without_content_length_is_read_to_its_end() -> None:
    fetch(Reply(body=DATA, chunked=True))


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 65_536, 150_000, len(DATA) - 1])
def test_cut_transfer_continues_where_it_ended(cut: int, reset: bool) -> None:
    sink, registry = fetch(Content(DATA, cut_at=cut, reset=reset), Content(DATA))
    assert sink.received == len(DATA), "bytes came twice"
    if not reset:  # a reset may destroy bytes that were under way
        assert ranges(registry) == ["", f"bytes={cut}-" if cut else ""]


def test_many_cuts_with_progress_do_not_use_up_the_attempts() -> None:
    sink, registry = fetch(*[Content(DATA, cut_at=66_000)] * 4, Content(DATA))
    assert sink.received == len(DATA)
    assert len(ranges(registry)) == 5


def test_cuts_without_progress_use_up_the_attempts() -> None:
    sink = MemorySink()
    with pytest.raises(ConnectionCut):
        fetch(Content(DATA, cut_at=10), sink=sink)
    assert sink.data == DATA[: 4 * 10], "what came stays in the sink"


def test_earlier_bytes_are_not_fetched_again() -> None:
    sink, registry = fetch(Content(DATA), sink=MemorySink(bytearray(DATA[:1000])))
    assert ranges(registry) == ["bytes=1000-"]
    assert sink.received == len(DATA) - 1000


def test_complete_sink_asks_for_nothing() -> None:
    _, registry = fetch(error(500, "X", "must not be asked"), sink=MemorySink(bytearray(DATA)))
    assert registry.seen == []


def test_sink_with_too_many_bytes_starts_over() -> None:
    sink, _ = fetch(Content(DATA), sink=MemorySink(bytearray(DATA + b"x")))
    assert sink.restarts == 1


def test_answer_200_to_a_range_starts_over() -> None:
    sink, _ = fetch(Reply(body=DATA), sink=MemorySink(bytearray(b"other bytes")))
    assert sink.restarts == 1


@pytest.mark.parametrize(
    "stated",
    ["bytes 0-299999/300000", "bytes 101-299999/300000", "bytes 100-299999/300001", "junk", "bytes 9-1/2", ""],
)
def test_wrong_content_range_is_not_appended(stated: str) -> None:
    wrong = Reply(206, {"Content-Range": stated}, DATA[100:])
    sink, registry = fetch(wrong, Content(DATA), sink=MemorySink(bytearray(DATA[:100])))
    assert sink.restarts == 1
    assert ranges(registry) == ["bytes=100-", ""]


def test_content_range_without_total_is_accepted() -> None:
    sink, _ = fetch(
        Reply(206, {"Content-Range": "bytes 100-299999/*"}, DATA[100:]), sink=MemorySink(bytearray(DATA[:100]))
    )
    assert sink.restarts == 0


def test_416_starts_over_once() -> None:
    sink, registry = fetch(Reply(416), Content(DATA), sink=MemorySink(bytearray(DATA[:100])))
    assert sink.restarts == 1
    assert ranges(registry) == ["bytes=100-", ""]


def test_416_without_a_range_is_an_error() -> None:
    with pytest.raises(BadAnswer):
        fetch(Reply(416))


def test_strong_etag_is_sent_back_as_if_range() -> None:
    sink, registry = fetch(Content(DATA, etag='"one"', cut_at=100_000), Content(DATA, etag='"one"'))
    assert [seen.headers.get("if-range") for seen in registry.requests("GET")] == [None, '"one"']
    assert sink.etag == '"one"'


def test_changed_etag_starts_over() -> None:
    sink, _ = fetch(Content(b"y" * len(DATA), etag='"one"', cut_at=100_000), Content(DATA, etag='"two"'))
    assert sink.restarts == 1
    assert sink.etag == '"two"'


def test_changed_etag_on_206_starts_over() -> None:
    careless = Reply(206, {"Content-Range": "bytes 100-299999/300000", "ETag": '"two"'}, DATA[100:])
    sink, _ = fetch(careless, Content(DATA), sink=MemorySink(bytearray(b"y" * 100), '"one"'))
    assert sink.restarts == 1


def test_weak_etag_is_not_used() -> None:
    sink, _ = fetch(Content(DATA, etag='W/"one"'))
    assert sink.etag is None


def test_stalled_transfer_is_cut_and_continued() -> None:
    sink, _ = fetch(Content(DATA, stall_at=100_000), Content(DATA), stalls=True)
    assert sink.received == len(DATA)


def test_silent_server_is_given_up() -> None:
    with pytest.raises(TransferStalled):
        fetch(Reply(stall_at=0, length=len(DATA)), stalls=True)


def test_slow_loris_in_the_body_is_given_up() -> None:
    with pytest.raises(TransferStalled):
        fetch(Reply(body=DATA, drip=0.02), stalls=True)


def test_longer_body_than_the_descriptor_is_refused() -> None:
    sink = MemorySink()
    with pytest.raises(BlobTooLong):
        fetch(Reply(body=DATA + b"x", chunked=True), sink=sink)
    assert len(sink.data) <= len(DATA)


def test_longer_content_length_is_refused_before_anything_is_read() -> None:
    sink = MemorySink()
    with pytest.raises(BlobTooLong, match="300001"):
        fetch(Reply(body=DATA + b"x"), sink=sink)
    assert sink.received == 0


def test_shorter_content_length_is_refused() -> None:
    with pytest.raises(Corrupt, match="announces 10 bytes"):
        fetch(Reply(body=DATA[:10]))


def test_endless_body_ends_at_the_size() -> None:
    sink = MemorySink()
    with pytest.raises(BlobTooLong):
        fetch(Reply(body=DATA, length=-1, endless=True), sink=sink)
    assert len(sink.data) <= len(DATA)


def test_body_that_ends_early_is_continued() -> None:
    sink, registry = fetch(Reply(body=DATA[:70_000], chunked=True), Content(DATA))
    assert ranges(registry) == ["", "bytes=70000-"]
    assert sink.received == len(DATA)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_status_is_tried_again(status: int) -> None:
    html = Reply(status, {"Content-Type": "text/html"}, b"<html>bad gateway</html>")
    _, registry = fetch(html, html, Content(DATA))
    assert len(registry.seen) == 3


def test_lasting_5xx_is_given_up_with_its_words() -> None:
    with pytest.raises(ServerFailing, match=r"answers 503: out of order"):
        fetch(error(503, "UNAVAILABLE", "out of\x1b[31m order".replace("\x1b[31m", "")))


def test_retries_are_told() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Reply(503), Content(DATA))
        made = rig(registry.host)
        made.repository().blobs.fetch(DESCRIPTOR, MemorySink())
        made.client.close()
    (event,) = made.events
    assert isinstance(event, RetryScheduled)
    assert event.attempt == 1
    assert "503" in event.reason


def test_missing_blob_is_named() -> None:
    with pytest.raises(BlobNotFound, match=DESCRIPTOR.digest.encoded):
        fetch(error(404, "BLOB_UNKNOWN", "blob unknown to registry"))


def test_gzip_added_by_a_proxy_is_undone() -> None:
    encoded = Reply(headers={"Content-Encoding": "gzip"}, body=gzip.compress(DATA, 1), chunked=True)
    fetch(encoded)


def test_gzip_label_on_the_blobs_own_bytes_is_ignored() -> None:
    fetch(Reply(headers={"Content-Encoding": "gzip"}, body=DATA))


def test_gzip_bomb_ends_at_the_size() -> None:
    bomb = gzip.compress(bytes(50_000_000), 9)
    sink = MemorySink()
    with pytest.raises(BlobTooLong):
        fetch(Reply(headers={"Content-Encoding": "gzip"}, body=bomb), sink=sink)
    assert len(sink.data) <= len(DATA)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(BadAnswer, match="not asked for"):
        fetch(Reply(headers={"Content-Encoding": encoding}, body=b"whatever"))


def test_garbage_labelled_gzip_is_refused() -> None:
    with pytest.raises(BadAnswer, match="labelled as gzip"):
        fetch(Reply(headers={"Content-Encoding": "gzip"}, body=b"not gzip at all"))


def test_mirror_that_fails_is_passed_over() -> None:
    sink = MemorySink()
    with BadRegistry() as mirror, BadRegistry() as registry:
        mirror.script("GET", PATH, Content(DATA, cut_at=100_000), error(403, "DENIED", "no"))
        registry.script("GET", PATH, Content(DATA))
        made = rig(mirror.host, registry.host)
        with made.client as client:
            made.repository().blobs.fetch(DESCRIPTOR, sink)
            assert client.cancel.cancelled is False
        assert ranges(registry) == ["bytes=100000-"], "the mirror's bytes count"
    assert sink.data == DATA


def test_dead_host_is_unavailable() -> None:
    with BadRegistry() as registry:
        host = registry.host
    made = rig(host)
    with pytest.raises(Unavailable, match="cannot connect"):
        made.repository().blobs.fetch(DESCRIPTOR, MemorySink())


def test_head_tells_the_size() -> None:
    with BadRegistry() as registry:
        registry.script("HEAD", PATH, Reply(length=len(DATA)))
        made = rig(registry.host)
        assert made.repository().blobs.head(DESCRIPTOR.digest) == len(DATA)
        made.client.close()


def test_connection_is_kept_between_small_blobs() -> None:
    small = [bytes([n]) * 100 for n in range(20)]
    with BadRegistry() as registry:
        made = rig(registry.host)
        for data in small:
            registry.script("GET", blob_path("app", described(data).digest), Content(data))
        for data in small:
            sink = MemorySink()
            made.repository().blobs.fetch(described(data), sink)
            assert sink.data == data
        made.client.close()
        assert registry.connections == 1
