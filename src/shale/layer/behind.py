"""Work that goes on behind the caller's back: in a thread of its own, with a bounded queue before it.

Receiving, inflating and hashing all release the interpreter lock: in threads of their own, one behind the
other, a layer takes as long as the slowest of them.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue
from threading import Thread

__all__ = ["Behind"]


class Behind:
    """One thread that does one kind of work on piece after piece. Not for use by two threads at once."""

    def __init__(self, work: Callable[[bytes], None], queued: int, name: str) -> None:
        """Start the thread.

        Args:
            work: called with each piece, in order; after it raised it is not called again.
            queued: how many pieces may wait; whoever brings more waits too.
            name: of the thread.
        """
        self._work = work
        self._pieces: Queue[bytes | None] = Queue(queued)
        self._failure: BaseException | None = None
        # A daemon, so that an interpreter that is on its way out does not wait for one that nobody stopped.
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, piece: bytes) -> None:
        """Bring a piece.

        Raises:
            BaseException: what the work raised on an earlier piece.
        """
        self.check()
        self._pieces.put(piece)

    def check(self) -> None:
        """Raise what the work has raised so far; after `stop`, all that it ever will."""
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Wait until the work on what was brought is done, and end the thread."""
        if self._thread.is_alive():
            self._pieces.put(None)
            self._thread.join()

    def _run(self) -> None:
        # After a failure the queue is still emptied, so that nobody waits to put into it.
        while (piece := self._pieces.get()) is not None:
            if self._failure is None:
                try:
                    self._work(piece)
                except BaseException as failure:  # noqa: BLE001 - handed to the thread that brings the pieces
                    self._failure = failure
