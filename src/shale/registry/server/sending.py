"""Sending files: from the page cache to the socket, in a thread, without holding up anybody else.

`sendfile(2)` may wait for a disk, so it does not run on the event loop. The thread stays with a reader as long
as that one is fast; a slow one is waited for by the event loop, so that no number of them takes the threads.
"""

from __future__ import annotations

import asyncio
import os
import select
from contextlib import suppress
from typing import BinaryIO, Final

from aiohttp import web

from shale.registry.server.threads import Threads

__all__ = ["send_file"]

_SMALL: Final = 64 * 1024
_TURN: Final = 16 * 1024 * 1024
"""Bytes that a thread sends before it looks whether others wait for a thread."""
_PATIENCE: Final = 20
"""Milliseconds that a thread waits for a reader."""


async def send_file(
    request: web.BaseRequest,
    response: web.StreamResponse,
    file: BinaryIO,
    part: tuple[int, int],
    *,
    threads: Threads,
    stall: float,
) -> None:
    """Send part of a file as the body of a response.

    Args:
        request: whose answer it is.
        response: not prepared yet; its Content-Length is set here.
        file: to read from.
        part: offset of the first byte, and how many; for HEAD nothing is read.
        threads: where the file is read.
        stall: seconds that the reader may stand still.

    Raises:
        TimeoutError, ConnectionError: the reader went away or stands still; close the connection.
    """
    first, count = part
    response.content_length = count
    if request.method == "HEAD":
        await response.prepare(request)
        await response.write_eof()
    elif count <= _SMALL:
        # One read, and one write for headers and body, cost less than the machinery below.
        body = await threads.run(os.pread, file.fileno(), count, first)
        async with asyncio.timeout(stall):
            await response.prepare(request)
            await response.write_eof(body)
    else:
        await response.prepare(request)
        assert request.transport is not None
        loop = asyncio.get_running_loop()
        # Through the transport, so that the headers are out when the thread begins.
        async with asyncio.timeout(stall):
            await loop.sendfile(request.transport, file, first, _SMALL)
        await _send(request.transport, file, (first + _SMALL, first + count), threads=threads, stall=stall)
        await response.write_eof()


async def _send(
    transport: asyncio.Transport, file: BinaryIO, span: tuple[int, int], *, threads: Threads, stall: float
) -> None:
    offset, end = span
    # A descriptor of our own: the transport's is closed, and its number used again, when the reader hangs up.
    handle = os.dup(transport.get_extra_info("socket").fileno())
    try:
        while offset < end:
            offset = await threads.run(_send_turn, handle, file.fileno(), offset, end)
            if offset < end:
                async with asyncio.timeout(stall):
                    await _writable(handle)
    finally:
        os.close(handle)


def _send_turn(handle: int, file: int, offset: int, end: int) -> int:
    """Send until the end, the end of the turn, or until the reader is slow; the offset that was reached.

    Raises:
        ConnectionError: the reader is gone, or the file is shorter than it was.
    """
    stop = min(end, offset + _TURN)
    poll = select.poll()
    poll.register(handle, select.POLLOUT)
    while offset < stop:
        try:
            sent = os.sendfile(handle, file, offset, stop - offset)
        except BlockingIOError:
            if not poll.poll(_PATIENCE):
                break
            continue
        if sent == 0:
            raise ConnectionAbortedError("the file has become shorter")
        offset += sent
    return offset


async def _writable(handle: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(handle, ready.set)
    try:
        await ready.wait()
    finally:
        with suppress(OSError):
            loop.remove_writer(handle)
