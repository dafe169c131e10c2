from __future__ import annotations

import asyncio
import threading

import pytest

from shale.registry.server.threads import Threads


def test_a_cancelled_request_waits_for_its_thread() -> None:
    entered, go_on = threading.Event(), threading.Event()
    steps: list[str] = []

    def work() -> None:
        entered.set()
        go_on.wait(30)
        steps.append("worked")

    async def request(threads: Threads) -> None:
        try:
            await threads.run(work)
        finally:
            steps.append("left")

    async def scenario() -> None:
        threads = Threads(1)
        task = asyncio.create_task(request(threads))
        await asyncio.to_thread(entered.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        threads.close()

    asyncio.run(scenario())
    assert steps == ["worked", "left"]


def test_what_the_thread_raises_arrives() -> None:
    async def scenario() -> None:
        threads = Threads(1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(divmod, 1, 0)
        threads.close()

    asyncio.run(scenario())
