from __future__ import annotations

import pytest

from shale.engine.follow import follow
from shale.events import Listener, Notice


def _speak(listener: Listener) -> int:
    for number in range(3):
        listener(Notice(str(number)))
    return 7


def test_events_come_in_order_and_then_the_result() -> None:
    progress = follow(_speak)
    assert list(progress) == [Notice("0"), Notice("1"), Notice("2")]
    assert progress.result() == 7
    assert list(progress) == []


def test_the_result_does_not_need_the_events_to_be_read() -> None:
    assert follow(_speak).result() == 7


def test_a_failure_ends_the_events_and_is_raised_by_result() -> None:
    def fail(listener: Listener) -> None:
        listener(Notice("begun"))
        raise ValueError("broken")

    progress = follow(fail)
    assert list(progress) == [Notice("begun")]
    with pytest.raises(ValueError, match="broken"):
        progress.result()
