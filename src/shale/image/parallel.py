"""Several pieces of one operation at the same time, stopped together.

Threads, because the work is receiving, hashing, inflating and writing, which all release the interpreter's
lock. They are daemons: one that hangs in a system call does not keep the program from ending.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from shale.errors import Cancelled
from shale.registry.client.cancel import Cancellation

__all__ = ["run_all"]

_GRACE = 1.0
"""Seconds that an interrupted operation waits for its pieces to put their bytes down."""


def run_all(tasks: Sequence[Callable[[], None]], jobs: int, cancel: Cancellation) -> None:
    """Run tasks, several at a time, and wait for all of them.

    The first error stops the others and is raised; so does an interrupt of the waiting thread.

    Args:
        tasks: begun in this order.
        jobs: how many at a time.
        cancel: cancelled at the first error; the tasks look at it.
    """
    crew = _Crew(tasks, cancel)
    threads = [threading.Thread(target=crew.work, daemon=True) for _ in range(min(jobs, len(tasks)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        cancel.cancel()
        for thread in threads:
            thread.join(_GRACE / len(threads))
        raise
    if crew.failures:
        # Those that were stopped because another failed may get here before it.
        raise next((one for one in crew.failures if not isinstance(one, Cancelled)), crew.failures[0])


class _Crew:
    """The threads of one operation: what they have to do, and what went wrong."""

    def __init__(self, tasks: Sequence[Callable[[], None]], cancel: Cancellation) -> None:
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._cancel = cancel
        self.failures: list[BaseException] = []
        for task in tasks:
            self._todo.put(task)

    def work(self) -> None:
        try:
            while not self._todo.empty():
                self._cancel.check()
                self._todo.get_nowait()()
        except queue.Empty:
            return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self.failures.append(error)
            self._cancel.cancel()
