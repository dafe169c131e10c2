"""RF and MR rows for whole images: layers whose transfer goes wrong.

After each of them the store is sound, and nothing is named that did not come whole.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from faults.bad_registry import Content, Reply, Seen, Step, error
from faults.hands import LAYER, MANIFEST, Hands, Kinds, blob_path
from faults.image_work import LARGE
from shale.oci import mediatype
from shale.registry.client.blobs import BlobTooLong
from shale.registry.client.failures import (
    BadAnswer,
    BlobNotFound,
    NotLoggedIn,
    RateLimited,
    RefusedTarget,
    ServerFailing,
    TransferStalled,
    Transient,
)
from shale.store.ingest import DigestMismatch


@pytest.mark.parametrize("seed", range(4))
def test_cuts_at_random_bytes_of_everything(hands: Hands, seed: int) -> None:
    chance = random.Random(seed)
    for content in (LARGE.config, *LARGE.layers):
        # Two cuts each, the second one of a resumed transfer; with resets, ends in order, and doubtful ranges.
        steps: list[Step] = [
            Content(content, cut_at=chance.randrange(len(content)), reset=chance.random() < 0.5,
                    etag='"one"' if chance.random() < 0.5 else "")
            for _ in range(2)
        ]  # fmt: skip
        hands.registry.script("GET", blob_path(content), *steps, Content(content, etag='"one"'))
    cut = chance.randrange(len(LARGE.manifest))
    kind = {"Content-Type": mediatype.OCI_MANIFEST}
    hands.registry.script(
        "GET",
        MANIFEST,
        Reply(200, kind, LARGE.manifest, cut_at=cut, reset=seed % 2 == 0),
        Reply(200, kind, LARGE.manifest),
    )
    hands.succeeds(LARGE)


def ranges(answer: Callable[[bytes, int], Reply]) -> Step:
    """Cuts the first transfer of the large layer, and answers the range of the next one as it likes."""

    def step(seen: Seen) -> Reply:
        first = seen.headers.get("range", "")
        if not first:
            return Reply(body=LAYER, cut_at=200_000)
        return answer(LAYER, int(first.removeprefix("bytes=").rstrip("-")))

    return step


def said(data: bytes, first: int) -> str:
    return f"bytes {first}-{len(data) - 1}/{len(data)}"


GOOD_AFTER_ALL: dict[str, list[Step]] = {
    "200 to a range": [ranges(lambda data, _: Reply(body=data))],
    "a range further on": [
        ranges(lambda data, at: Reply(206, {"Content-Range": said(data, at + 1)}, data[at + 1 :])),
        Content(LAYER),
    ],
    "a range without saying which": [ranges(lambda data, at: Reply(206, {}, data[at:])), Content(LAYER)],
    "416": [ranges(lambda data, _: Reply(416, {"Content-Range": f"bytes */{len(data)}"})), Content(LAYER)],
    "another tag": [
        Content(LAYER, etag='"one"', cut_at=200_000),
        Content(LAYER, etag='"two"'),
    ],
    "500 once": [error(500, "UNKNOWN", "oops"), Content(LAYER)],
    "502 with a page": [Reply(502, {"Content-Type": "text/html"}, b"<html>Bad Gateway"), Content(LAYER)],
    "503 twice": [Reply(503), Reply(503), Content(LAYER)],
    "429 with a time": [error(429, "TOOMANYREQUESTS", "slow", {"Retry-After": "0"}), Content(LAYER)],
    "a stall": [Content(LAYER, stall_at=100_000), Content(LAYER)],
    "a stall before the first byte": [Content(LAYER, stall_at=0), Content(LAYER)],
    "no length": [Reply(200, {"Connection": "close"}, LAYER, length=-1)],
    "in chunks": [Reply(200, {}, LAYER, chunked=True)],
    "not HTTP": [Reply(raw=b"hello\r\n\r\n"), Content(LAYER)],
}


@pytest.mark.parametrize("fault", GOOD_AFTER_ALL)
def test_a_layer_that_comes_in_the_end(hands: Hands, fault: str) -> None:
    steps = GOOD_AFTER_ALL[fault]
    hands.registry.script(
        "GET", blob_path(LAYER), *(steps * 2 if callable(steps[0]) and len(steps) == 1 else steps)
    )
    if fault.startswith(("a range", "416")):  # a cut, the odd answer, then a good one
        hands.registry.script("GET", blob_path(LAYER), steps[0], steps[0], Content(LAYER))
    hands.succeeds(LARGE)


NEVER_GOOD: dict[str, tuple[Step, Kinds]] = {
    "other bytes": (Reply(body=bytes(len(LAYER))), DigestMismatch),
    "one bit": (Reply(body=LAYER[:-1] + bytes([LAYER[-1] ^ 1])), DigestMismatch),
    "too long": (Reply(body=LAYER + b"more"), BlobTooLong),
    "too long, length unsaid": (Reply(200, {"Connection": "close"}, LAYER + b"more", length=-1), BlobTooLong),
    "too short": (Reply(body=LAYER[:-1]), BlobTooLong),
    "endless": (Reply(200, {}, LAYER, length=-1, endless=True), BlobTooLong),
    "500 for ever": (Reply(500), ServerFailing),
    "429 for ever": (error(429, "TOOMANYREQUESTS", "no"), RateLimited),
    "429 with an absurd time": (error(429, "X", "no", {"Retry-After": "99999999"}), RateLimited),
    "a stall for ever": (Content(LAYER, stall_at=10), TransferStalled),
    "a cut for ever": (Reply(body=LAYER, cut_at=10), Transient),
    "not there": (error(404, "BLOB_UNKNOWN", "no such blob"), BlobNotFound),
    "redirected in a circle": (Reply(307, {"Location": blob_path(LAYER)}), BadAnswer),
    "redirected to a file": (Reply(307, {"Location": "file:///etc/passwd"}), (RefusedTarget, BadAnswer)),
    "redirected to the cloud's secrets": (
        Reply(307, {"Location": "http://169.254.169.254/latest/meta-data"}),
        RefusedTarget,
    ),
    "401 for ever": (Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}), NotLoggedIn),
    "a page of a proxy": (Reply(200, {"Content-Type": "text/html"}, b"<html>log in"), BlobTooLong),
}


@pytest.mark.parametrize("fault", NEVER_GOOD)
def test_a_layer_that_never_comes(hands: Hands, fault: str) -> None:
    step, kind = NEVER_GOOD[fault]
    hands.registry.script("GET", blob_path(LAYER), step)
    hands.fails(kind)
    # Once the registry is well the same store has the image with the same command.
    hands.registry.script("GET", blob_path(LAYER), Content(LAYER))
    hands.succeeds(LARGE)
