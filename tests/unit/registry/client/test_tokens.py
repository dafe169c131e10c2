"""What token services answer, and how long tokens live (trials RF-8)."""

from __future__ import annotations

from typing import Any

import pytest

from faults.bad_registry import BadRegistry, Reply, as_json
from faults.guards import guarded
from shale.errors import ShaleError, Unavailable
from shale.registry.client.failures import AnswerTooLarge, BadAnswer, NotLoggedIn
from shale.registry.client.tokens import Token, TokenCache


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Reply(body=b"<html>"), BadAnswer),
        (Reply(body=b"{}"), BadAnswer),
        (Reply(body=b'{"token": ""}'), BadAnswer),
        (Reply(body=b'{"token": 7}'), BadAnswer),
        (Reply(body=b'{"token": "a\\r\\nX-Evil: 1"}'), BadAnswer),
        (Reply(body=b'{"token": "' + b"x" * 100_000 + b'"}'), AnswerTooLarge),
        (Reply(body=b"[" * 60_000), BadAnswer),
        (Reply(length=-1, body=b"x" * 10_000, endless=True), AnswerTooLarge),
        (Reply(401), NotLoggedIn),
        (Reply(503), Unavailable),
    ],
)
def test_bad_token_answers(answer: Reply, kind: type[ShaleError]) -> None:
    with BadRegistry() as registry:
        made = guarded(registry, answer, lambda _: False)
        with made.client, pytest.raises(kind):
            made.repository().manifests.fetch("v1")


@pytest.mark.parametrize(
    ("answer", "life"),
    [
        ({"token": "t"}, 60 * 0.85),
        ({"token": "t", "expires_in": 300}, 300 * 0.85),
        ({"token": "t", "expires_in": 0}, 60 * 0.85),
        ({"token": "t", "expires_in": -5}, 60 * 0.85),
        ({"token": "t", "expires_in": 1e300}, 86400 * 0.85),
        ({"token": "t", "expires_in": 300, "issued_at": "not a time"}, 300 * 0.85),
        ({"token": "t", "expires_in": 300, "issued_at": "1999-01-01T00:00:00Z"}, 300 * 0.85),
    ],
)
def test_tokens_are_renewed_before_they_expire(answer: dict[str, Any], life: float) -> None:
    now = [1000.0]
    kept = TokenCache(lambda: now[0])
    with BadRegistry() as registry:
        made = guarded(registry, as_json(answer), lambda sent: sent == "Bearer t")
        made.client._authorizer._tokens = kept
        with made.client:
            made.repository().manifests.fetch("v1")
            for moment, requests in ((life - 0.1, 1), (life + 0.1, 2)):
                now[0] = 1000.0 + moment
                made.repository().manifests.fetch("v1")
                assert len(registry.requests("GET", "/token")) == requests


def test_cache_forgets_what_expired() -> None:
    now = [0.0]
    cache = TokenCache(lambda: now[0])
    cache.get_or_fetch("key", None, lambda: Token("t", 10.0))
    assert cache.get("key") is not None
    now[0] = 10.0
    assert cache.get("key") is None
