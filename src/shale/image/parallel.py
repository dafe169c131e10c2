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
    threads: list[threading.Thread] = []
    try:
        for _ in range(min(jobs, len(tasks))):
            thread = threading.Thread(target=crew.work, daemon=True)
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
    except BaseException:
        cancel.cancel()
        for thread in threads:
            thread.join(_GRACE / len(threads))
        raise
    if crew.failures:
        raise crew.cause()


class _Crew:
    """The threads of one operation: what they have to do, and what went wrong."""

    def __init__(self, tasks: Sequence[Callable[[], None]], cancel: Cancellation) -> None:
        self._todo: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._cancel = cancel
        self.failures: list[BaseException] = []
        for task in tasks:
            self._todo.put(task)

    def cause(self) -> BaseException:
        """The first failure that is not the stopping itself.

        A piece that waits for another one may tell that it was stopped before that one tells why.
        """
        return next((one for one in self.failures if not isinstance(one, Cancelled)), self.failures[0])

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
