"""Calling what waits for a disk from the event loop, without ever leaving it behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["Threads"]

P = ParamSpec("P")
R = TypeVar("R")


class Threads:
    """The threads of one server."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="registry")

    def close(self) -> None:
        """Wait for what is running, and end the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        """Begin a call in a thread; whoever starts it must wait for its end (`settle`)."""
        return asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*args, **kwargs))

    async def run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call in a thread and wait for the result.

        When the request is cancelled the call still runs to its end before this returns: what it works
        with (an open file, a locked upload) must not be taken away under it.
        """
        future = self.start(call, *args, **kwargs)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await self.settle(future)
            raise

    @staticmethod
    async def settle(future: asyncio.Future[R]) -> None:
        """Wait for the end of a call, however it ends, even while being cancelled."""
        cancelled = False
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                cancelled = True
        if not future.cancelled():
            future.exception()
        if cancelled:
            raise asyncio.CancelledError
