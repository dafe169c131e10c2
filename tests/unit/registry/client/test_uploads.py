"""Uploads to registries that cut, forget, move and refuse (trials RF-12)."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from faults.bad_registry import BadRegistry, Reply, Seen, Step, error
from faults.clients import described, opener, rig
from shale.errors import ShaleError, Unavailable
from shale.oci.digest import Digest
from shale.registry.client.endpoint import Credential
from shale.registry.client.failures import RequestRefused, TooLarge
from shale.registry.client.payload import SourceChanged

DATA = random.Random(2).randbytes(3_000_000)
DESCRIPTOR = described(DATA)
START = "/v2/app/blobs/uploads/"
SESSION = "/v2/app/blobs/uploads/one"
OPENED = Reply(202, {"Location": f"{SESSION}?state=a%2Fb"})


@dataclass
class Session:
    """A good upload session: steps that keep what comes, and count."""

    kept: bytearray = field(default_factory=bytearray)
    largest: int = 2**62
    started: int = 0

    def post(self, _: Seen) -> Reply:
        self.kept.clear()
        self.started += 1
        return OPENED

    def patch(self, seen: Seen) -> Reply:
        if len(seen.body) > self.largest:
            return Reply(413, {}, b"<html>too large</html>")
        stated = re.fullmatch(r"(\d+)-(\d+)", seen.headers["content-range"])
        assert stated is not None
        if int(stated[1]) != len(self.kept):
            return Reply(416)
        assert int(stated[2]) - int(stated[1]) + 1 == len(seen.body)
        self.kept += seen.body
        return Reply(202, {"Location": f"{SESSION}?state={len(self.kept)}", "Range": f"0-{len(self.kept) - 1}"})

    def put(self, seen: Seen) -> Reply:
        if len(seen.body) > self.largest:
            return Reply(413, {}, b"<html>too large</html>")
        self.kept += seen.body
        if Digest.of(bytes(self.kept)) != DESCRIPTOR.digest:
            return error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        return Reply(201)

    def status(self, _: Seen) -> Reply:
        return Reply(204, {"Location": f"{SESSION}?state=s", "Range": f"0-{max(len(self.kept) - 1, 0)}"})


def upload(
    *,
    post: tuple[Step, ...] = (),
    put: tuple[Step, ...] = (),
    patch: tuple[Step, ...] = (),
    get: tuple[Step, ...] = (),
    session: Session | None = None,
    content: bytes = DATA,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Session, list[Seen]]:
    """Upload DATA to a registry that goes wrong with these steps before it is good."""
    session = session or Session()
    with BadRegistry() as registry:
        registry.script("POST", START, *post, session.post)
        registry.script("PUT", SESSION, *put, session.put)
        registry.script("PATCH", SESSION, *patch, session.patch)
        registry.script("GET", SESSION, *get, session.status)
        made = rig(registry.host)
        with made.client:
            made.repository().uploads.put(DESCRIPTOR, opener(content), progress)
        assert session.kept == DATA
        return session, registry.seen


def methods(seen: list[Seen]) -> list[str]:
    return [each.method for each in seen]


def test_upload_takes_two_requests() -> None:
    told: list[int] = []
    _, seen = upload(progress=told.append)
    assert methods(seen) == ["POST", "PUT"]
    assert seen[1].target == f"{SESSION}?state=a%2Fb&digest={DESCRIPTOR.digest}", "the query stays as it came"
    assert seen[1].headers["content-length"] == str(len(DATA))
    assert told[-1] == len(DATA)
    assert told == sorted(told)


def test_empty_blob() -> None:
    with BadRegistry() as registry:
        registry.script("POST", START, OPENED)
        registry.script("PUT", SESSION, Reply(201))
        made = rig(registry.host)
        with made.client:
            made.repository().uploads.put(described(b""), opener(b""))
        assert registry.seen[-1].headers["content-length"] == "0"


def test_cut_upload_goes_on_where_the_registry_is() -> None:
    session = Session()

    def partly(_: Seen) -> Reply:
        session.kept += DATA[:1_000_000]  # what a registry kept of the request that was cut
        return session.status(_)

    _, seen = upload(put=(Reply(read_limit=1_000_000),), get=(partly,), session=session)
    assert methods(seen) == ["POST", "PUT", "GET", "PATCH", "PUT"]
    patch = seen[3]
    assert patch.headers["content-range"] == f"1000000-{len(DATA) - 1}"
    assert patch.body == DATA[1_000_000:]
    assert seen[4].body == b""


@pytest.mark.parametrize("status", [404, 405, 500])
def test_cut_upload_without_status_begins_again(status: int) -> None:
    session, seen = upload(put=(Reply(read_limit=500_000),), get=(Reply(status),))
    assert session.started == 2
    assert methods(seen) == ["POST", "PUT", "GET", "POST", "PUT"]


@pytest.mark.parametrize("stated", ["0-0", "junk", "5-9", f"0-{len(DATA) + 5}"])
def test_useless_status_begins_again(stated: str) -> None:
    session, _ = upload(put=(Reply(read_limit=500_000),), get=(Reply(204, {"Range": stated}),))
    assert session.started == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_passing_statuses_are_got_over(status: int) -> None:
    upload(post=(Reply(status),), put=(Reply(status),))


def test_lost_session_begins_again() -> None:
    session, _ = upload(put=(error(404, "BLOB_UPLOAD_UNKNOWN", "session expired"),))
    assert session.started == 2


def test_sessions_that_are_always_lost_are_given_up() -> None:
    with pytest.raises(Unavailable, match="begins again"):
        upload(put=tuple(error(404, "BLOB_UPLOAD_UNKNOWN", "expired") for _ in range(10)))


def test_missing_repository_is_not_tried_again() -> None:
    with BadRegistry() as registry:
        registry.script("POST", START, error(404, "NAME_UNKNOWN", "no such repository"))
        made = rig(registry.host)
        with made.client, pytest.raises(ShaleError, match="no such repository"):
            made.repository().uploads.put(DESCRIPTOR, opener(DATA))
        assert len(registry.seen) == 1


def test_413_makes_the_chunks_smaller() -> None:
    session, seen = upload(session=Session(largest=1_000_000))
    patches = [each for each in seen if each.method == "PATCH"]
    assert [len(each.body) for each in patches if len(each.body) <= 1_000_000] == [750_000] * 4
    assert session.started == 3
    assert seen[-1].body == b""


def test_registry_that_accepts_next_to_nothing_is_given_up() -> None:
    with pytest.raises(TooLarge, match="small chunks"):
        upload(session=Session(largest=1000))


def test_chunk_of_which_less_was_kept_goes_on_from_there() -> None:
    session = Session(largest=2_000_000)

    def lazily(seen: Seen) -> Reply:
        session.kept += seen.body[:400_000]
        return Reply(202, {"Location": SESSION, "Range": "0-399999"})

    _, seen = upload(put=(Reply(413),), patch=(lazily,), session=session)
    patches = [each.headers["content-range"] for each in seen if each.method == "PATCH"]
    assert patches[:2] == ["0-1499999", "400000-1899999"]


def test_416_asks_where_the_registry_is() -> None:
    _, seen = upload(put=(Reply(413),), patch=(Reply(416),))
    assert "GET" in methods(seen)


def test_minimum_chunk_of_the_registry_is_kept() -> None:
    first = Reply(202, {"Location": SESSION, "OCI-Chunk-Min-Length": "2000000"})
    session = Session()
    _, seen = upload(post=(OPENED, first), put=(Reply(413),), session=session)
    assert [len(each.body) for each in seen if each.method == "PATCH"] == [2_000_000, 1_000_000]


def test_digest_that_the_registry_rejects_is_an_error() -> None:
    with pytest.raises(RequestRefused, match="did not match"):
        upload(content=bytes(len(DATA)))


def test_resumed_upload_that_is_rejected_is_done_once_more_in_one_piece() -> None:
    session = Session()

    def wrongly(seen: Seen) -> Reply:
        session.kept += b"x" * 1000
        return session.status(seen)

    _, seen = upload(put=(Reply(read_limit=500_000),), get=(wrongly,), session=session)
    assert session.started == 2
    assert methods(seen)[-2:] == ["POST", "PUT"]


def test_content_that_is_too_short_is_noticed() -> None:
    with pytest.raises(SourceChanged, match="ended at byte 1000"):
        upload(content=DATA[:1000])


def test_401_in_the_middle_sends_the_body_again() -> None:
    opened: list[int] = []

    def open_at(offset: int) -> io.BytesIO:
        opened.append(offset)
        return opener(DATA)(offset)

    with BadRegistry() as registry:
        registry.script("POST", START, OPENED)
        challenge = {"WWW-Authenticate": 'Basic realm="x"'}
        session = Session()
        registry.script("PUT", SESSION, Reply(401, challenge), session.put)
        made = rig(registry.host, credential=Credential("alice", "secret"))
        with made.client:
            made.repository().uploads.put(DESCRIPTOR, open_at)
        assert session.kept == DATA
    assert opened == [0, 0]
