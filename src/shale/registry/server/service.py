"""Running a registry: in the foreground for the command, in a thread for tests and demonstrations."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from shale.errors import ShaleError, Unavailable
from shale.registry.server.application import Application
from shale.registry.server.bodies import READ_BUFFER
from shale.registry.server.folder import FolderStorage
from shale.registry.server.listen import Listen
from shale.registry.server.options import ServerOptions
from shale.registry.server.threads import Threads

__all__ = ["CannotListen", "RegistryServer", "serve"]

_log = logging.getLogger(__name__)

_SWEEP: Final = 600.0
"""Seconds between two looks for uploads that are too old."""
_CUT: Final = 0.5
"""Seconds between telling a connection to close and cutting it."""
_IDLE: Final = 75.0
"""Seconds that a connection may wait for its next request."""


class CannotListen(Unavailable):
    """The address is taken, or is not one of this machine."""


@asynccontextmanager
async def _running(listen: Listen, data: Path, options: ServerOptions) -> AsyncIterator[str]:
    """A running server, as the address where it answers; stopped gracefully at the end."""
    storage = FolderStorage(data, most_uploads=options.most_uploads)
    threads = Threads(options.threads)
    application = Application(storage, threads, options)
    server = web.Server(
        application,
        read_bufsize=READ_BUFFER,
        # A body is content to keep: what Content-Encoding says of it is not ours to undo.
        auto_decompress=False,
        keepalive_timeout=_IDLE,
        access_log=None,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_CUT)
    await runner.setup()
    sweeper = asyncio.create_task(_sweep(storage, threads, options))
    try:
        yield await _listen(runner, listen)
    finally:
        sweeper.cancel()
        for site in runner.sites:
            await site.stop()
        await application.drain(options.grace)
        await runner.cleanup()
        # Whatever a thread still does with the storage ends before the storage does.
        threads.close()
        storage.close()


async def _listen(runner: web.ServerRunner, listen: Listen) -> str:
    try:
        await web.TCPSite(runner, listen.host or None, listen.port, backlog=512).start()
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {listen}: {error.strerror or error}; choose another address with --listen"
        ) from error
    port = int(runner.addresses[0][1])
    return str(Listen(listen.host, port))


async def _sweep(storage: FolderStorage, threads: Threads, options: ServerOptions) -> None:
    while True:
        try:
            await threads.run(storage.expire_uploads, time.time() - options.upload_lifetime)
        except (ShaleError, OSError):
            _log.exception("dropping old uploads failed; it is tried again")
        await asyncio.sleep(min(_SWEEP, options.upload_lifetime))


def serve(
    listen: str, data: Path, *, announce: Callable[[str], None], options: ServerOptions | None = None
) -> None:
    """Serve a folder until SIGTERM or SIGINT; call it in the main thread.

    Args:
        listen: `HOST:PORT`; port 0 takes a free one.
        data: the folder; made where it is missing.
        announce: is given lines for a person: where it listens, and that anyone may write there.
        options: limits and permissions.

    Raises:
        InvalidListen: the address is malformed.
        CannotListen: it is taken, or not ours.
        FolderInUse, NewerDatabase, DiskFull, NoPermission: the folder cannot be used.
    """
    where = Listen.parse(listen)
    asyncio.run(_serve(where, data, announce, options or ServerOptions()))


async def _serve(listen: Listen, data: Path, announce: Callable[[str], None], options: ServerOptions) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _running(listen, data, options) as address:
        announce(f"registry listening on {address}, keeping its content in {data}")
        if not listen.is_loopback:
            announce("anyone who reaches this address can read, push and delete: there are no accounts")
        await stop.wait()
        announce(f"stopping; requests under way have {options.grace:.0f} seconds")


class RegistryServer:
    """A registry in a thread of this process, as a context manager: for tests, demonstrations, notebooks.

    Attributes:
        address: `HOST:PORT` where it answers, once entered.
    """

    def __init__(
        self, data: Path, *, listen: str = "127.0.0.1:0", options: ServerOptions | None = None
    ) -> None:
        self.address = ""
        self._data = data
        self._listen = Listen.parse(listen)
        self._options = options or ServerOptions()
        self._thread = threading.Thread(target=self._run, name="registry", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def __enter__(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            CannotListen, FolderInUse, ...: as `serve`.
        """
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it: requests under way get the time of the options."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that started this one
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with _running(self._listen, self._data, self._options) as address:
            self.address = address
            self._started.set()
            await self._stop.wait()
