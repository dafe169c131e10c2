"""RF rows for whole pulls and pushes: whatever a registry does, an image is whole, or it has no name."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.bad_registry import BadRegistry, Content, Reply, Seen, Step, error
from faults.clients import Rig, rig
from faults.served_image import ImageRegistry
from image_factory import build_image, keep
from shale.errors import Corrupt, Exhausted, Invalid, ShaleError, Unauthorized, Unavailable
from shale.image.pull import Puller
from shale.image.push import Pusher
from shale.image.remote import RemoteRepository
from shale.oci import mediatype
from shale.oci.digest import Digest
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.registry.client.transport import Timeouts
from shale.store.check import check
from shale.store.content import Source
from shale.store.store import Store, open_store
from store_images import Image, noise

LAYER = noise("lied about", 300_000)
IMAGE = build_image(layers=({"etc/base": b"base"}, {"app": LAYER}))
TAR = IMAGE.layers[1]
HOST = Platform(os="linux", architecture="amd64")
NAME = Reference.parse("registry.test/app:v1")
MANIFEST_PATH = "/v2/app/manifests/v1"
OCI = {"Content-Type": mediatype.OCI_MANIFEST}
QUICK = Timeouts(connect=5.0, stall=0.5, commit=5.0)


def path_of(blob: bytes) -> str:
    return f"/v2/app/blobs/{Digest.of(blob)}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "root") as opened:
        yield opened


@pytest.fixture
def registry() -> Iterator[ImageRegistry]:
    with ImageRegistry(IMAGE) as served:
        yield served


def pull(store: Store, registry: BadRegistry, **more: Any) -> Rig:
    """Pull as the engine does, with a client that does not wait long before it tries again."""
    made = rig(registry.host, **more)
    puller = Puller(store, made.events.append, made.client.cancel)
    try:
        puller.pull(RemoteRepository(made.repository()), NAME, HOST, "pull")
    finally:
        made.client.close()
    return made


def assert_whole(store: Store, image: Image = IMAGE) -> None:
    assert store.names.get(NAME).target == image.digest
    assert check(store).damage == ()
    assert all(store.blobs.verify(Digest.of(blob)) == len(blob) for blob in image.blobs)


def assert_nothing_named(store: Store) -> None:
    assert list(store.names.all()) == []
    assert check(store).damage == ()


def served_well(store: Store, registry: ImageRegistry) -> None:
    """After the fault is over the same pull succeeds."""
    registry._steps.clear()
    pull(store, registry)
    assert_whole(store)


def cut_often(seed: int) -> list[Step]:
    """Cuts at random bytes, some with a reset, each after enough progress to be tried again for ever."""
    chance = random.Random(seed)
    steps: list[Step] = []
    left = len(TAR)
    while left > 80_000:
        at = chance.randrange(65_536, 80_000)
        steps.append(Content(TAR, etag='"e"', cut_at=at, reset=chance.random() < 0.5))
        left -= at
    return [*steps, Content(TAR, etag='"e"', cut_at=chance.randrange(left)), Content(TAR, etag='"e"')]


@pytest.mark.parametrize("seed", range(8))
def test_cuts_at_random_bytes(store: Store, registry: ImageRegistry, seed: int) -> None:
    registry.script("GET", path_of(TAR), *cut_often(seed))
    pull(store, registry)
    assert_whole(store)
    starts = [each.headers.get("range") for each in registry.requests("GET", path_of(TAR))]
    assert len(starts) > 2
    assert all(start for start in starts[1:]), starts


PASSING: dict[str, list[Step]] = {
    "200 to a Range": [Content(TAR, cut_at=100_000), Reply(body=TAR)],
    "another range": [
        Content(TAR, cut_at=100_000),
        Reply(206, {"Content-Range": f"bytes 7-{len(TAR) - 1}/{len(TAR)}"}, TAR[7:]),
        Content(TAR),
    ],
    "416 to a Range": [Content(TAR, cut_at=100_000), Reply(416), Content(TAR)],
    "another ETag": [Content(TAR, etag='"a"', cut_at=100_000), Content(TAR, etag='"b"')],
    "5xx": [
        error(500, "UNKNOWN", "no"),
        error(502, "UNKNOWN", "no"),
        error(503, "UNKNOWN", "no"),
        Content(TAR),
    ],
    "429 with Retry-After": [error(429, "TOOMANYREQUESTS", "slow", {"Retry-After": "0"}), Content(TAR)],
    "a stall": [Content(TAR, stall_at=70_000), Content(TAR)],
    "no length, cut": [Reply(body=TAR, length=-1, cut_at=70_000), Content(TAR)],
    "chunked": [Reply(body=TAR, chunked=True)],
    "not HTTP at all": [Reply(raw=b"SSH-2.0-OpenSSH\r\n"), Content(TAR)],
}


@pytest.mark.parametrize("fault", PASSING)
def test_faults_that_pass(store: Store, registry: ImageRegistry, fault: str) -> None:
    registry.script("GET", path_of(TAR), *PASSING[fault])
    pull(store, registry, timeouts=QUICK)
    assert_whole(store)


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def loop(_: Seen) -> Reply:
    return Reply(307, {"Location": path_of(TAR)})


LASTING: dict[str, tuple[Step, type[ShaleError]]] = {
    "wrong digest": (Reply(body=flipped(TAR)), Corrupt),
    "announced too long": (Reply(body=TAR + b"x"), Corrupt),
    "announced too short": (Reply(body=TAR[:-1]), Corrupt),
    "too long, chunked": (Reply(body=TAR + b"x" * 1000, chunked=True), Corrupt),
    "endless": (Reply(body=TAR, length=-1, endless=True), Corrupt),
    "always cut at once": (Content(TAR, cut_at=0), Unavailable),
    "always stalled": (Content(TAR, stall_at=0), Unavailable),
    "always 500": (error(500, "UNKNOWN", "no"), Unavailable),
    "429 for a day": (error(429, "TOOMANYREQUESTS", "no", {"Retry-After": "86400"}), Unavailable),
    "redirect loop": (loop, ShaleError),
    "redirect to a file": (Reply(307, {"Location": "file:///etc/passwd"}), ShaleError),
    "401 loop": (error(401, "UNAUTHORIZED", "no", {"WWW-Authenticate": 'Basic realm="r"'}), Unauthorized),
    "realm on another host": (
        error(401, "UNAUTHORIZED", "no", {"WWW-Authenticate": 'Bearer realm="http://realm.invalid/token"'}),
        ShaleError,
    ),
    "a page of HTML": (Reply(200, {"Content-Type": "text/html"}, b"<html>Log in</html>"), Corrupt),
    "gone": (error(404, "BLOB_UNKNOWN", "no"), ShaleError),
}


@pytest.mark.parametrize("fault", LASTING)
def test_faults_that_last(store: Store, registry: ImageRegistry, fault: str) -> None:
    step, kind = LASTING[fault]
    registry.script("GET", path_of(TAR), step)
    with pytest.raises(kind) as raised:
        pull(store, registry, timeouts=QUICK)
    assert raised.value.message
    assert_nothing_named(store)
    assert len(registry.requests("GET", path_of(TAR))) < 40
    served_well(store, registry)


def rewritten(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(IMAGE.manifest)
    change(document)
    return json.dumps(document).encode()


MANIFESTS: dict[str, Reply] = {
    "huge": Reply(headers=OCI, body=b" " * (1 << 20), endless=True, length=-1),
    "announced huge": Reply(headers=OCI, body=b"{", length=1 << 40, cut_at=1),
    "junk": Reply(headers=OCI, body=noise("junk", 2000)),
    "empty": Reply(headers=OCI),
    "not an object": Reply(headers=OCI, body=b"[1, 2, 3]"),
    "deep": Reply(headers=OCI, body=b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep lists": Reply(headers=OCI, body=b"[" * 1_000_000),
    "wrong media type": Reply(headers={"Content-Type": "text/html"}, body=b"<html>hello</html>"),
    "says it is an index": Reply(headers={"Content-Type": mediatype.OCI_INDEX}, body=IMAGE.manifest),
    "negative size": Reply(headers=OCI, body=rewritten(lambda it: it["layers"][1].update(size=-1))),
    "absurd size": Reply(headers=OCI, body=rewritten(lambda it: it["layers"][1].update(size=1 << 62))),
    "smaller size": Reply(headers=OCI, body=rewritten(lambda it: it["layers"][1].update(size=1000))),
    "a path for a digest": Reply(
        headers=OCI, body=rewritten(lambda it: it["layers"][1].update(digest="sha256:../../../etc/passwd"))
    ),
    "a layer too few": Reply(headers=OCI, body=rewritten(lambda it: it["layers"].pop())),
    "layers the other way round": Reply(headers=OCI, body=rewritten(lambda it: it["layers"].reverse())),
}


@pytest.mark.parametrize("fault", MANIFESTS)
def test_manifests_that_lie(store: Store, registry: ImageRegistry, fault: str) -> None:
    registry.script("GET", MANIFEST_PATH, MANIFESTS[fault])
    with pytest.raises(ShaleError) as raised:
        pull(store, registry)
    assert isinstance(raised.value, Invalid | Corrupt | Exhausted)
    assert_nothing_named(store)
    served_well(store, registry)


def test_a_layer_that_is_not_the_one_of_the_config(store: Store) -> None:
    """The manifest's digests are right, and the config's DiffIDs are of other layers."""
    lying = json.loads(IMAGE.config)
    lying["rootfs"]["diff_ids"][1] = str(Digest.of(b"something else"))
    raw = json.dumps(lying).encode()
    document = json.loads(IMAGE.manifest)
    document["config"].update(digest=str(Digest.of(raw)), size=len(raw))
    image = Image(json.dumps(document).encode(), raw, IMAGE.layers)
    with (
        ImageRegistry(image) as registry,
        pytest.raises(Corrupt, match="the image is broken where it comes from"),
    ):
        pull(store, registry)
    assert_nothing_named(store)
    with ImageRegistry(IMAGE) as registry:
        pull(store, registry)
    assert_whole(store)


def push(store: Store, registry: BadRegistry) -> None:
    made = rig(registry.host, timeouts=QUICK)
    pusher = Pusher(store, made.events.append, Cancellation())
    try:
        origin = Source("registry.test", "app")
        pusher.push(IMAGE.digest, RemoteRepository(made.repository()), ["v1"], None, HOST, origin)
    finally:
        made.client.close()


UPLOADS: dict[str, Step] = {
    "no location": Reply(202),
    "a location elsewhere": Reply(202, {"Location": "http://127.0.0.1:1/upload"}),
    "a location that is a file": Reply(202, {"Location": "file:///etc/passwd"}),
    "always 500": error(500, "UNKNOWN", "no"),
    "401 loop": error(401, "UNAUTHORIZED", "no", {"WWW-Authenticate": 'Basic realm="r"'}),
    "redirect loop": Reply(307, {"Location": "/v2/app/blobs/uploads/"}),
    "always cut": Reply(read_limit=0),
    "quota": error(403, "DENIED", "over quota"),
}


@pytest.mark.parametrize("fault", UPLOADS)
def test_pushes_to_a_registry_that_lies(store: Store, fault: str) -> None:
    keep(store, IMAGE, str(NAME))
    with BadRegistry() as registry:
        registry.script("POST", "/v2/app/blobs/uploads/", UPLOADS[fault])
        with pytest.raises(ShaleError):
            push(store, registry)
        assert registry.requests("PUT", MANIFEST_PATH) == []  # no name there for what is not there
        assert len(registry.seen) < 60
    assert_whole(store)
