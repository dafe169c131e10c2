"""Where uploads lead, and blobs that need none (trials RF-12)."""

from __future__ import annotations

import random
import socket
import threading

import pytest

from faults.bad_registry import BadRegistry, Reply, Step
from faults.clients import SHORT, STEADY, described, opener, rig
from shale.registry.client.cancel import Cancellation, Stopped
from shale.registry.client.endpoint import Credential
from shale.registry.client.failures import BadAnswer, RefusedTarget, TransferStalled
from shale.registry.client.retry import RetryPolicy
from shale.registry.client.session import UploadSession
from shale.registry.protocol import blob_path

DATA = random.Random(2).randbytes(300_000)
DESCRIPTOR = described(DATA)
START = "/v2/app/blobs/uploads/"
SESSION = "/v2/app/blobs/uploads/one"
OPENED = Reply(202, {"Location": SESSION})


@pytest.mark.parametrize("location", ["", "file:///x", "http://169.254.169.254/x"])
def test_location_that_leads_nowhere(location: str) -> None:
    with BadRegistry() as registry:
        registry.script("POST", START, Reply(202, {"Location": location}))
        made = rig(registry.host)
        with made.client, pytest.raises((BadAnswer, RefusedTarget)):
            made.repository().uploads.put(DESCRIPTOR, opener(DATA))


@pytest.mark.parametrize("kind", ["absolute", "relative", "path"])
def test_kinds_of_location(kind: str) -> None:
    with BadRegistry() as registry:
        locations = {"absolute": f"http://{registry.host}{SESSION}", "relative": "one", "path": SESSION}
        registry.script("POST", START, Reply(202, {"Location": locations[kind]}))
        registry.script("PUT", SESSION, Reply(201))
        made = rig(registry.host)
        with made.client:
            made.repository().uploads.put(DESCRIPTOR, opener(DATA))
        assert registry.seen[-1].target == f"{SESSION}?digest={DESCRIPTOR.digest}"


def test_location_on_another_host_gets_no_credentials() -> None:
    def guarded(reply: Reply) -> Step:
        return lambda seen: (
            reply if "authorization" in seen.headers else Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
        )

    with BadRegistry() as storage, BadRegistry() as registry:
        registry.script("POST", START, guarded(Reply(202, {"Location": f"http://{storage.host}/put"})))
        storage.script("PUT", "/put", Reply(201))
        made = rig(registry.host, credential=Credential("alice", "secret"))
        with made.client:
            made.repository().uploads.put(DESCRIPTOR, opener(DATA))
        (seen,) = storage.seen
    assert seen.body == DATA
    assert "authorization" not in seen.headers


def test_mount() -> None:
    with BadRegistry() as registry:
        registry.script("POST", START, Reply(201))
        made = rig(registry.host)
        assert made.repository().uploads.mount(DESCRIPTOR.digest, "other/source") is None
        made.client.close()
        (seen,) = registry.seen
    assert seen.target == f"{START}?mount={DESCRIPTOR.digest}&from=other/source"


def test_mount_that_becomes_an_upload() -> None:
    with BadRegistry() as registry:
        registry.script("POST", START, OPENED)
        made = rig(registry.host)
        uploads = made.repository().uploads
        session = uploads.mount(DESCRIPTOR.digest, "other/source")
        assert session is not None
        registry.script("PUT", SESSION, Reply(201))
        uploads.put(DESCRIPTOR, opener(DATA), session=session)
        made.client.close()
        assert [seen.method for seen in registry.seen] == ["POST", "PUT"]
        assert registry.seen[1].body == DATA


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_mount_that_is_refused_becomes_an_upload(status: int) -> None:
    with BadRegistry() as registry:
        registry.script("POST", START, Reply(status), OPENED)
        made = rig(registry.host)
        with made.client:
            session = made.repository().uploads.mount(DESCRIPTOR.digest, "other/source")
        assert session is not None
        assert session.url == f"http://{registry.host}{SESSION}"
        assert [seen.target.partition("?")[2][:5] for seen in registry.seen][:1] == ["mount"]
        assert registry.seen[-1].target == START


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_exists(status: int, there: bool) -> None:
    with BadRegistry() as registry:
        registry.script("HEAD", blob_path("app", DESCRIPTOR.digest), Reply(status))
        made = rig(registry.host)
        with made.client:
            assert made.repository().uploads.exists(DESCRIPTOR.digest) is there


@pytest.mark.parametrize("ending", ["stall", "cancel"])
def test_registry_that_stops_reading_is_given_up(ending: str) -> None:
    content = bytes(50_000_000)  # more than the sockets of both ends keep
    cancel = Cancellation()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        host = f"127.0.0.1:{deaf.getsockname()[1]}"
        timeouts = SHORT if ending == "stall" else STEADY
        made = rig(host, timeouts=timeouts, cancel=cancel, policy=RetryPolicy(attempts=1))

        def stop(_: int) -> None:
            if ending == "cancel":
                threading.Timer(0.05, cancel.cancel).start()

        session = UploadSession(f"http://{host}{SESSION}")
        with made.client, pytest.raises(TransferStalled if ending == "stall" else Stopped):
            made.repository().uploads.put(described(content), opener(content), stop, session)
