"""Work behind the caller's back: in order, bounded, and with its failures told."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from shale.layer.behind import Behind


def assert_opens(gate: threading.Event) -> None:
    assert gate.wait(60)


def test_pieces_are_worked_on_in_order() -> None:
    seen: list[bytes] = []
    behind = Behind(seen.append, 2, "test")
    for number in range(100):
        behind.put(b"%d" % number)
    behind.stop()
    behind.check()
    assert seen == [b"%d" % number for number in range(100)]


def test_no_more_pieces_wait_than_may() -> None:
    gate = threading.Event()
    behind = Behind(lambda _: assert_opens(gate), 2, "test")
    brought: list[int] = []

    def bring() -> None:
        for number in range(10):
            behind.put(b"x")
            brought.append(number)

    bringer = threading.Thread(target=bring)
    bringer.start()
    bringer.join(0.2)
    # One piece is being worked on, two wait, and whoever brings the fourth waits too.
    assert len(brought) <= 3
    gate.set()
    bringer.join(60)
    behind.stop()
    assert len(brought) == 10


def test_a_failure_is_told_and_no_more_is_done() -> None:
    class Broken(Exception):
        pass

    def work(piece: bytes) -> None:
        seen.append(piece)
        raise Broken

    seen: list[bytes] = []
    behind = Behind(work, 1, "test")
    behind.put(b"x")
    behind.stop()
    with pytest.raises(Broken):
        behind.put(b"y")
    with pytest.raises(Broken):
        behind.check()
    assert seen == [b"x"]


def test_stopping_twice_is_no_matter_and_no_thread_stays() -> None:
    before = threading.active_count()
    behind = Behind(lambda _: None, 1, "test")
    behind.stop()
    behind.stop()
    assert threading.active_count() == before


def test_a_failure_keeps_nobody_waiting() -> None:
    def work(piece: bytes) -> None:
        raise ValueError(piece)

    behind = Behind(work, 1, "test")
    brought = 0
    with suppress(ValueError):
        for brought in range(1_000):  # noqa: B007 - how far it came
            behind.put(b"x")
    behind.stop()
    assert brought < 999
