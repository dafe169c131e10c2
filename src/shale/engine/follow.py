"""Progress as an iterator: for programs that would rather loop over events than be called back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from shale.events import Event, Listener

__all__ = ["Following", "follow"]

T = TypeVar("T")


class Following(Generic[T]):
    """Work that goes on in a thread of its own; iterate to see what happens, then ask for the result.

        progress = shale.follow(lambda listener: engine.images.pull("nginx", listener=listener))
        for event in progress:
            print(event)
        image = progress.result()

    To stop the work early, give it a `Cancellation` and cancel that.
    """

    def __init__(self, work: Callable[[Listener], T]) -> None:
        """Begin.

        Args:
            work: is called once, in the new thread, with the listener to use.
        """
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._work = work
        self._value: T | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._work(self._events.put)
        except BaseException as error:  # noqa: BLE001 - `result` raises it in the thread that asks
            self._failure = error
        finally:
            self._events.put(None)

    def __iter__(self) -> Iterator[Event]:
        """The events as they happen; ends with the work, whether or not it succeeded."""
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)

    def result(self) -> T:
        """What the work returned; waits for it.

        Raises:
            BaseException: whatever the work raised.
        """
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return cast("T", self._value)


def follow(work: Callable[[Listener], T]) -> Following[T]:
    """Begin some work and follow its events; see `Following`."""
    return Following(work)
