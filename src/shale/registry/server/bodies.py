"""Receiving bodies: from a socket to a thread that hashes and writes them.

The thread writes what came while it was writing what came before: the batches are as large as the disk is
slow, up to a bound, and the socket is never idle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from shale.errors import Invalid, Unavailable
from shale.registry.server.answers import TooLarge
from shale.registry.server.threads import Threads

__all__ = ["READ_BUFFER", "BodyBroken", "BodyStalled", "receive", "receive_small"]

READ_BUFFER: Final = 1024 * 1024
"""Bytes that aiohttp holds of one body before it stops reading, doubled at most."""
_BATCH: Final = 2 * 1024 * 1024


class BodyBroken(Invalid):
    """A body ended before its time, or its framing is wrong."""


class BodyStalled(Unavailable):
    """No byte came for too long."""


class _Pipe:
    """Hands batches of chunks to a thread, one batch at a time, in order."""

    def __init__(self, write: Callable[[Sequence[bytes]], None], threads: Threads) -> None:
        self._write = write
        self._threads = threads
        self._running: asyncio.Future[None] | None = None
        self._waiting: list[bytes] = []
        self._size = 0

    async def put(self, chunk: bytes) -> None:
        """Take a chunk; wait only when the thread is far behind."""
        self._waiting.append(chunk)
        self._size += len(chunk)
        if self._running is None or self._running.done() or self._size >= _BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Begin to write what is waiting, after the batch before."""
        await self.settle()
        if self._waiting:
            batch, self._waiting, self._size = self._waiting, [], 0
            self._running = self._threads.start(self._write, batch)

    async def settle(self) -> None:
        """Wait for the batch that is being written.

        Raises:
            ShaleError: what writing it raised.
        """
        if self._running is not None:
            running, self._running = self._running, None
            await self._threads.settle(running)
            running.result()


@asynccontextmanager
async def _network(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Turn what a connection does wrong into kinds."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise BodyStalled(f"no byte came for {seconds:.0f} seconds; send the rest again") from None
    except (web.RequestPayloadError, ConnectionError) as error:
        raise BodyBroken("the body ended before its time; ask how much came, and send the rest") from error


async def _invite(request: web.BaseRequest) -> None:
    """Ask for the body where the client waits to be asked (RFC 9110 section 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The writer counts bytes of the answer, and this was not one.
        request.writer.output_size = 0


async def receive(
    request: web.BaseRequest,
    write: Callable[[Sequence[bytes]], None],
    threads: Threads,
    *,
    limit: int,
    stall: float,
) -> int:
    """Read a request's body and write it in threads.

    Args:
        request: whose body.
        write: is called in a thread, once at a time, with chunks in order.
        threads: where to call it.
        limit: bytes that are accepted.
        stall: seconds that may pass without a byte.

    Returns:
        How many bytes came. Whatever this raises, the bytes before have been given to `write`, and no call
        of it is under way any more.

    Raises:
        TooLarge: more bytes than the limit.
        BodyBroken, BodyStalled: the connection.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge(f"the body has {request.content_length} bytes, more than the {limit} that are accepted")
    await _invite(request)
    clock = asyncio.get_running_loop().time
    pipe = _Pipe(write, threads)
    count = 0
    try:
        async with _network(stall) as timer:
            while chunk := await request.content.readany():
                timer.reschedule(None)
                count += len(chunk)
                if count > limit:
                    raise TooLarge(f"the body has more than the {limit} bytes that are accepted")
                await pipe.put(chunk)
                timer.reschedule(clock() + stall)
        await pipe.flush()
    finally:
        await pipe.settle()
    return count


async def receive_small(request: web.BaseRequest, *, limit: int, stall: float) -> bytes:
    """A small body whole.

    Raises:
        TooLarge: more bytes than the limit.
        BodyBroken, BodyStalled: the connection.
    """
    if (request.content_length or 0) > limit:
        raise TooLarge(f"the body has {request.content_length} bytes, more than the {limit} that are accepted")
    await _invite(request)
    body = bytearray()
    async with _network(stall):
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > limit:
                raise TooLarge(f"the body has more than the {limit} bytes that are accepted")
    return bytes(body)
