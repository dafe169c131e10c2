"""Several pieces at the same time: which error is told, and that none outlives the operation."""

from __future__ import annotations

import time

import pytest

from shale.errors import Cancelled, Corrupt
from shale.image.parallel import run_all
from shale.registry.client.cancel import Cancellation


def test_all_tasks_are_done() -> None:
    done: list[int] = []
    run_all([lambda number=number: done.append(number) for number in range(20)], 3, Cancellation())  # type: ignore[misc]  # a default binds
    assert sorted(done) == list(range(20))
    run_all([], 3, Cancellation())


def test_the_cause_is_told_and_not_the_stopping_that_came_of_it() -> None:
    """A layer that waits for the config may say that it was stopped before the config's error is known."""
    cancel = Cancellation()

    def config() -> None:
        while not cancel.cancelled:  # until the layer's failure is known
            time.sleep(0.001)
        raise Corrupt("the config is broken")

    def layer() -> None:
        raise Cancelled("stopped, because the config could not be fetched")

    with pytest.raises(Corrupt, match="the config is broken"):
        run_all([config, layer], 2, cancel)


def test_a_stopped_operation_says_so() -> None:
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run_all([lambda: None], 2, cancel)
