"""Where redirects may lead and what goes along (trials RF-7; MR-3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults.bad_registry import BadRegistry, Content, Reply, Seen
from faults.clients import MemorySink, described, rig
from shale.registry.client.endpoint import Credential
from shale.registry.client.failures import BadAnswer, RefusedTarget
from shale.registry.protocol import blob_path

DATA = bytes(range(256)) * 40
DESCRIPTOR = described(DATA)
PATH = blob_path("app", DESCRIPTOR.digest)
ALICE = Credential("alice", "secret")


def fetch(registry: BadRegistry, **kwargs: object) -> bytes:
    sink = MemorySink()
    made = rig(registry.host, **kwargs)  # type: ignore[arg-type]
    with made.client:
        made.repository().blobs.fetch(DESCRIPTOR, sink)
    return bytes(sink.data)


def with_password(then: Reply) -> Callable[[Seen], Reply]:
    def step(seen: Seen) -> Reply:
        return then if "authorization" in seen.headers else Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})

    return step


def test_redirect_to_another_host_loses_authorization_and_keeps_the_range() -> None:
    with BadRegistry() as storage, BadRegistry() as registry:
        storage.script("GET", "/data", Content(DATA))
        registry.script(
            "GET", PATH, with_password(Reply(307, {"Location": f"http://{storage.host}/data?sig=1"}))
        )
        sink = MemorySink(bytearray(DATA[:100]))
        made = rig(registry.host, credential=ALICE)
        with made.client:
            made.repository().blobs.fetch(DESCRIPTOR, sink)
        assert sink.data == DATA
        (seen,) = storage.seen
    assert "authorization" not in seen.headers
    assert seen.headers["range"] == "bytes=100-"
    assert seen.target == "/data?sig=1"


def test_redirect_to_another_port_of_the_host_loses_authorization() -> None:
    # As above, the hosts differ in their ports only: origins count, not names (MR-3).
    with BadRegistry() as storage, BadRegistry() as registry:
        assert storage.host.partition(":")[0] == registry.host.partition(":")[0]
        storage.script("GET", "/back", Reply(302, {"Location": f"http://{registry.host}/home"}))
        registry.script("GET", "/home", Content(DATA))
        registry.script("GET", PATH, with_password(Reply(302, {"Location": f"http://{storage.host}/back"})))
        assert fetch(registry, credential=ALICE) == DATA
        assert "authorization" not in registry.requests("GET", "/home")[0].headers, (
            "not even when it comes back"
        )


def test_redirect_within_the_origin_keeps_authorization() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, with_password(Reply(301, {"Location": "../other"})))
        registry.script("GET", "/v2/app/other", Content(DATA))
        assert fetch(registry, credential=ALICE) == DATA
        assert "authorization" in registry.requests("GET", "/v2/app/other")[0].headers


def test_redirect_loop_ends() -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Reply(302, {"Location": PATH}))
        with pytest.raises(BadAnswer, match="more than 10 times"):
            fetch(registry)
        assert len(registry.seen) == 11


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://example.com/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/x",
        "http://0xa9fea9fe/x",
        "http://[fe80::1]/x",
        "http://host:99999999/",
        "http://[junk/",
        "",
        "x" * 20_000,
    ],
)
def test_redirect_to_where_we_do_not_go(location: str) -> None:
    with BadRegistry() as registry:
        registry.script("GET", PATH, Reply(307, {"Location": location}))
        with pytest.raises((RefusedTarget, BadAnswer)):
            fetch(registry)
        assert len(registry.seen) == 1
