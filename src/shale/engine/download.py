"""One file from the web, as a stream: what `import URL` reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO, Final, cast
from urllib.parse import SplitResult, urlsplit

from shale.engine.settings import Settings
from shale.errors import Invalid, NotFound, Unavailable
from shale.registry.client.cancel import Cancellation
from shale.registry.client.endpoint import Endpoint
from shale.registry.client.failures import printable
from shale.registry.client.proxies import Proxies
from shale.registry.client.request import Request
from shale.registry.client.response import Response
from shale.registry.client.transport import Transport
from shale.version import shale_version

__all__ = ["download"]

_MISSING: Final = (404, 410)


@contextmanager
def download(url: str, settings: Settings, cancel: Cancellation) -> Iterator[BinaryIO]:
    """Open a file on the web; no credentials are sent.

    Args:
        url: http or https.
        settings: for proxies.
        cancel: stops it.

    Raises:
        Invalid: not such a URL, or one with a password in it.
        NotFound: there is no such file.
        Unavailable: the server does not answer, stalls, or answers with an error.
    """
    parts = _parts(url)
    endpoint = Endpoint(parts.netloc, "", parts.netloc, plain_http=parts.scheme == "http")
    agent = f"shale/{shale_version()} ({settings.host})"
    transport = Transport(agent=agent, cancel=cancel, proxies=Proxies.from_environ(settings.environ))
    with closing(transport), transport.request(endpoint, Request("GET", url)) as response:
        if response.status in _MISSING:
            raise NotFound(f"there is no file at {printable(url)}")
        if response.status != 200:
            raise Unavailable(f"{printable(url)} answers with status {response.status}")
        yield cast("BinaryIO", io.BufferedReader(_Body(response, url), 1 << 20))


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
            return parts
    except ValueError:  # brackets that are not closed
        pass
    raise Invalid(f"cannot import from {printable(url)}: a URL such as https://host/file.tar is expected")


class _Body(io.RawIOBase):
    """The body of an answer; one that is cut short is an error, not an end."""

    def __init__(self, response: Response, url: str) -> None:
        super().__init__()
        self._response = response
        self._url = url
        length = response.header("content-length")
        self._left = int(length) if length.isascii() and length.isdecimal() else None
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self._held:
            self._held = memoryview(self._response.read_some())
            if self._left is not None:
                self._left -= len(self._held)
        if not self._held:
            if self._left:
                raise Unavailable(f"{printable(self._url)}: the answer ended {self._left} bytes too early")
            return 0
        count = min(len(buffer), len(self._held))
        memoryview(buffer)[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
