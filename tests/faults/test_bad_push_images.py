"""RF and MR rows for whole images: pushes to a registry that fails.

After each of them the store is sound, and nothing is named that did not come whole.
"""

from __future__ import annotations

import pytest

from faults.bad_registry import Reply, Step, error
from faults.hands import APP, MANIFEST, Hands, Kinds
from faults.image_registry import ImageRegistry, digest_of
from shale.errors import ShaleError
from shale.registry.client.failures import (
    BadAnswer,
    NotLoggedIn,
    RefusedTarget,
    RequestRefused,
    ServerFailing,
)
from shale.store.check import check
from shale.store.store import Store
from store_images import keep_image, make_image

PUSH_FAULTS: dict[str, tuple[str, list[Reply]]] = {
    "POST 503": ("POST", [Reply(503)]),
    "POST cut": ("POST", [Reply(raw=b"")]),
    "PUT cut without an answer": ("PUT", [Reply(read_limit=100_000)]),
    "PUT 500": ("PUT", [Reply(500)]),
    "PUT 429": ("PUT", [error(429, "TOOMANYREQUESTS", "slow", {"Retry-After": "0"})]),
    "session gone": ("PUT", [error(404, "BLOB_UPLOAD_UNKNOWN", "gone")]),
    "HEAD 502": ("HEAD", [Reply(502)]),
}


class _Once(ImageRegistry):
    """Answers the first requests of one method about blobs with faults."""

    faults: tuple[str, list[Reply]] = ("", [])

    def _next_step(self, method: str, target: str) -> Step:
        with self._lock:
            if method == self.faults[0] and "/blobs/" in target and self.faults[1]:
                return self.faults[1].pop(0)
        return super()._next_step(method, target)


@pytest.mark.parametrize("fault", PUSH_FAULTS)
def test_a_push_that_succeeds_in_the_end(store: Store, fault: str) -> None:
    image = make_image("pushed")
    keep_image(store, image, str(APP))
    with _Once() as registry:
        registry.faults = (PUSH_FAULTS[fault][0], list(PUSH_FAULTS[fault][1]))
        Hands(store, registry).push(image.digest)
        assert registry.faults[1] == []
        assert registry.image_is_whole("app", image, "v1")
        assert registry.order[-1] == "v1"
    assert check(store).is_sound


ELSEWHERE = {"Docker-Content-Digest": digest_of(b"x")}
NEVER_PUSHED: dict[str, tuple[str, str, Step, Kinds]] = {
    "denied": ("POST", "/v2/app/blobs/uploads/", error(403, "DENIED", "no"), ShaleError),
    "500 for ever": ("POST", "/v2/app/blobs/uploads/", Reply(500), ServerFailing),
    "no location": ("POST", "/v2/app/blobs/uploads/", Reply(202), ShaleError),
    "a location on the cloud": (
        "POST",
        "/v2/app/blobs/uploads/",
        Reply(202, {"Location": "http://169.254.169.254/x"}),
        RefusedTarget,
    ),
    "401 for ever": (
        "POST",
        "/v2/app/blobs/uploads/",
        Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}),
        NotLoggedIn,
    ),
    "a manifest refused": ("PUT", MANIFEST, error(400, "MANIFEST_INVALID", "no"), RequestRefused),
    "another digest stored": ("PUT", MANIFEST, Reply(201, ELSEWHERE), BadAnswer),
}


@pytest.mark.parametrize("fault", NEVER_PUSHED)
def test_a_push_that_never_succeeds(store: Store, registry: ImageRegistry, fault: str) -> None:
    image = make_image("pushed")
    keep_image(store, image, str(APP))
    method, path, step, kind = NEVER_PUSHED[fault]
    registry.script(method, path, step)
    with pytest.raises(kind):
        Hands(store, registry).push(image.digest)
    assert "v1" not in registry.manifests["app"]
    report = check(store)
    assert (report.damage, report.leftovers) == ((), ())
