"""How long to wait before trying again, and when to stop (trials RF-9)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shale.events import Event, RetryScheduled
from shale.registry.client.cancel import Cancellation, Stopped
from shale.registry.client.failures import ConnectFailed, RateLimited, ServerFailing, Transient
from shale.registry.client.retry import Retrier, RetryPolicy, retry_after_seconds

POLICY = RetryPolicy(attempts=5, first_delay=1.0, longest_delay=5.0, longest_wait=60.0, deadline=100.0)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """A clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def run(
    *failures: Transient, policy: RetryPolicy = POLICY, chance: float = 1.0
) -> tuple[list[float], list[Event]]:
    clock, events, left = Clock(), list[Event](), list(failures)

    def action() -> None:
        if left:
            raise left.pop(0)

    retrier = Retrier(
        policy, Cancellation(), events.append, clock=lambda: clock.now, chance=lambda: chance, pause=clock.pause
    )
    retrier.run("the work", action)
    return clock.pauses, events


def test_delay_doubles_to_its_limit() -> None:
    pauses, _ = run(*[ServerFailing("x")] * 4)
    assert pauses == [1.0, 2.0, 4.0, 5.0]


def test_jitter_takes_up_to_half() -> None:
    pauses, _ = run(*[ServerFailing("x")] * 2, chance=0.0)
    assert pauses == [0.5, 1.0]


def test_last_failure_is_raised() -> None:
    with pytest.raises(ServerFailing, match="fifth"):
        run(*[ServerFailing("x")] * 4, ServerFailing("fifth"))


def test_hosts_that_do_not_answer_are_tried_less() -> None:
    assert len(run(*[ConnectFailed("x")] * 2)[0]) == 2
    with pytest.raises(ConnectFailed):
        run(*[ConnectFailed("x")] * 3)


def test_retry_after_is_obeyed() -> None:
    pauses, events = run(RateLimited("slow down", retry_after=42.0))
    assert pauses == [42.0]
    assert events == [RetryScheduled("the work", "slow down", 1, 42.0)]


def test_absurd_retry_after_fails_at_once() -> None:
    with pytest.raises(RateLimited):
        run(RateLimited("x", retry_after=1e9))


def test_deadline_counts_from_the_last_progress() -> None:
    with pytest.raises(RateLimited):
        run(RateLimited("x", retry_after=59.0), RateLimited("x", retry_after=59.0))
    clock = Clock()
    retrier = Retrier(POLICY, Cancellation(), clock=lambda: clock.now, pause=clock.pause)
    attempts = retrier.attempts("the work")
    for _ in range(10):
        attempts.failed(RateLimited("x", retry_after=59.0))
        attempts.progressed()
    assert clock.now == 590.0


def test_cancelled_wait_stops() -> None:
    cancel = Cancellation()
    retrier = Retrier(POLICY, cancel)
    cancel.cancel()
    with pytest.raises(Stopped):
        retrier.attempts("the work").failed(ServerFailing("x"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 5000, 1e9),
        ("99999999999", 1e9),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0),
        ("Fri, 02 Jan 2026 03:04:00 GMT", 0.0),
        ("Fri, 02 Jan 2026 03:05:05", 60.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Fri, 99 Jan 2026 03:05:05 GMT", None),
        ("\u0663", None),
    ],
)
def test_retry_after_header(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds
