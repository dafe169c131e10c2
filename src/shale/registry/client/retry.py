"""Trying again: how often, how long to wait, and telling somebody.

Only `Transient` failures are tried again. The wait doubles from try to try, with full jitter so that many
clients do not come back together; a server's Retry-After wins over it (RFC 9110 section 10.2.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from shale.events import Listener, RetryScheduled, silent
from shale.registry.client.cancel import Cancellation
from shale.registry.client.failures import Transient

__all__ = ["Attempts", "Retrier", "RetryPolicy", "retry_after_seconds"]

T = TypeVar("T")

_ABSURD: Final = 10**9


class RetryPolicy(msgspec.Struct, frozen=True):
    """How stubborn to be.

    Attributes:
        attempts: tries in all without progress.
        first_delay: seconds before the second try, doubled for each further one.
        longest_delay: seconds between two tries at most.
        longest_wait: the longest Retry-After that is obeyed, in seconds; a longer one fails at once.
        deadline: seconds after which nothing is tried again unless there was progress.
    """

    attempts: int = 6
    first_delay: float = 0.5
    longest_delay: float = 15.0
    longest_wait: float = 120.0
    deadline: float = 600.0


def _chance() -> float:
    """A number from 0 to 1."""
    import random  # noqa: PLC0415 - hardly anything is tried again

    return random.random()  # noqa: S311 - jitter


class Retrier(msgspec.Struct, frozen=True):
    """A policy with its surroundings: clock, chance, listener, cancellation."""

    policy: RetryPolicy
    cancel: Cancellation
    listener: Listener = silent
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = _chance
    pause: Callable[[float], None] | None = None
    """How to wait, in seconds; the cancellation's way where not given."""

    def run(self, subject: str, action: Callable[[], T]) -> T:
        """Do something until it succeeds or there is no point in trying again.

        Args:
            subject: what is done, for the listener.
            action: what may raise `Transient`.

        Raises:
            Transient: the last one, when all tries failed.
            Stopped: cancelled while waiting.
        """
        attempts = self.attempts(subject)
        while True:
            try:
                return action()
            except Transient as failure:
                attempts.failed(failure)

    def attempts(self, subject: str) -> Attempts:
        """Begin counting the tries of one piece of work."""
        return Attempts(self, subject)


class Attempts:
    """The tries of one piece of work so far; made by `Retrier.attempts`."""

    def __init__(self, retrier: Retrier, subject: str) -> None:
        self._retrier = retrier
        self._subject = subject
        self._count = 0
        self._since = retrier.clock()

    def progressed(self) -> None:
        """Something was gained since the last failure: count from the beginning."""
        self._count = 0
        self._since = self._retrier.clock()

    def failed(self, failure: Transient) -> None:
        """Wait before the next try.

        Raises:
            Transient: the failure that was given, when there should be no next try.
            Stopped: cancelled while waiting.
        """
        policy = self._retrier.policy
        self._count += 1
        allowed = policy.attempts if failure.tries is None else min(failure.tries, policy.attempts)
        delay = self._delay(failure)
        passed = self._retrier.clock() - self._since
        if self._count >= allowed or passed + delay > policy.deadline or delay > policy.longest_wait:
            raise failure
        self._retrier.listener(RetryScheduled(self._subject, failure.message, self._count, delay))
        (self._retrier.pause or self._retrier.cancel.wait)(delay)

    def _delay(self, failure: Transient) -> float:
        if failure.retry_after is not None:
            return failure.retry_after
        policy = self._retrier.policy
        ceiling = min(policy.longest_delay, policy.first_delay * 2 ** (self._count - 1))
        return float(ceiling * (0.5 + 0.5 * self._retrier.chance()))


def retry_after_seconds(header: str, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for; None where there is none, or it is nonsense.

    Args:
        header: seconds, or an HTTP date.
        now: the time to count a date from; the clock's where not given.
    """
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text), _ABSURD)) if len(text) <= 12 else float(_ABSURD)
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - nearly all say seconds

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
