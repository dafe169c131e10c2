"""One blob on its way to a registry: the states of an upload, and how each answer moves it on.

    no session --POST--> open --PUT all bytes--> done
                          |  cut: doubtful --GET session--> open at the offset that the registry has
                          |  413: chunked
                          |--PATCH from the offset--> open, further on ... --PUT digest--> done
                          `  404: no session

Specification: distribution-spec "Pushing a blob in chunks"; docker's registry for what it answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from shale.errors import NotFound
from shale.oci.descriptor import Descriptor
from shale.registry.client.exchange import Call, Exchange
from shale.registry.client.failures import RequestRefused, TooLarge, Transient
from shale.registry.client.payload import Payload, Progress, ReadableAt
from shale.registry.client.request import Body
from shale.registry.client.response import Response
from shale.registry.client.session import UploadSession, open_session, upload_call
from shale.registry.protocol import uploads_path

__all__ = ["Sending"]

FIRST_CHUNK: Final = 64 * 1024 * 1024
SMALLEST_CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"(?:bytes=)?0-([0-9]{1,19})\Z")


class _UploadSetBack(Transient):
    """The registry lost the upload, or some bytes of it: it goes on from elsewhere."""


class Sending(msgspec.Struct):
    """The state of one upload; `advance` until `done`."""

    exchange: Exchange
    descriptor: Descriptor
    open_at: ReadableAt
    progress: Progress
    session: UploadSession | None = None
    done: bool = False
    chunk: int | None = None
    """Bytes of a chunk; None while everything goes at once."""
    _doubtful: bool = False
    _resumed: bool = False
    _resumable: bool = True

    @property
    def offset(self) -> int:
        """Bytes that the registry is known to have."""
        return self.session.offset if self.session is not None else 0

    def advance(self) -> None:
        """Do the next request.

        Raises:
            Transient: something failed that another `advance` may get over.
            ShaleError: it cannot be got over.
        """
        try:
            self._step()
        except TooLarge:
            self._shrink()
        except NotFound as error:
            if self.session is None:
                raise
            self._forget()
            raise _UploadSetBack(f"{error.message}; the upload begins again") from error
        except RequestRefused as error:
            if not self._resumed:
                raise
            # The registry put the parts together wrongly: once more, in one piece.
            self._resumable = False
            self._forget()
            raise _UploadSetBack(f"{error.message}; the upload begins again") from error
        except Transient:
            self._doubtful = self.session is not None
            raise

    def _step(self) -> None:
        if self.session is None:
            self._open()
        elif self._doubtful:
            self._ask(self.session)
        elif self.offset == 0 and self.chunk is None:
            self._finish(self.session, 0)
        elif self.offset < self.descriptor.size:
            self._send_chunk(self.session)
        else:
            self._finish(self.session, self.offset)

    def _open(self) -> None:
        target = uploads_path(self.exchange.endpoint.repository)
        call = self._call("POST", target, (202,), body=b"")
        with self.exchange.send(call) as response:
            self.exchange.check(call, response)
            self.session = open_session(self.exchange, response)

    def _ask(self, session: UploadSession) -> None:
        """Find out how much the registry has of an upload that was cut."""
        self._doubtful = False
        if not self._resumable:
            self._forget()
            return
        call = self._call("GET", session.url, (204, 200))
        with self.exchange.send(call) as response:
            offset = _stated_offset(response)
            if response.status not in call.expected or not offset or offset > self.descriptor.size:
                # Also "0-0", which docker's registry says of an empty upload and of one with a byte.
                self._forget()
                return
            self._resumed = True
            self.session = self._moved(response, session, offset)

    def _send_chunk(self, session: UploadSession) -> None:
        size = max(self.chunk or self.descriptor.size, session.min_chunk)
        last = min(session.offset + size, self.descriptor.size)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{session.offset}-{last - 1}",
        }
        body = Payload(self.open_at, session.offset, last, self.progress)
        call = self._call("PATCH", session.url, (202,), body=body, headers=headers, commits=True)
        with self.exchange.send(call) as response:
            if response.status == 416:
                self._doubtful = True
                raise _UploadSetBack(f"{call.subject}: the registry is elsewhere in this upload")
            self.exchange.check(call, response)
            stated = _stated_offset(response)
            reached = last if stated is None else min(stated, last)
            self.session = self._moved(response, session, reached)
            if reached <= session.offset:
                raise _UploadSetBack(f"{call.subject}: the registry kept nothing of a chunk")

    def _finish(self, session: UploadSession, first: int) -> None:
        """Send the rest, all of it or nothing, and the digest."""
        mark = "&" if "?" in session.url else "?"
        body = Payload(self.open_at, first, self.descriptor.size, self.progress)
        call = self._call(
            "PUT",
            f"{session.url}{mark}digest={self.descriptor.digest}",
            (201,),
            body=body,
            headers={"Content-Type": "application/octet-stream"},
            commits=True,
        )
        with self.exchange.send(call) as response:
            self.exchange.check(call, response)
        self.done = True

    def _shrink(self) -> None:
        """The registry, or a proxy before it, does not take so many bytes at once."""
        smaller = FIRST_CHUNK if self.chunk is None else self.chunk // 2
        self.chunk = min(smaller, max(self.descriptor.size // 2, SMALLEST_CHUNK))
        if smaller < SMALLEST_CHUNK:
            raise TooLarge(f"blob {self.descriptor.digest}: the registry does not even accept small chunks")
        self._forget()

    def _forget(self) -> None:
        self.session = None
        self._doubtful = False
        self._resumed = False

    def _moved(self, response: Response, session: UploadSession, offset: int) -> UploadSession:
        location = response.header("location")
        url = self.exchange.follow(response, location) if location else session.url
        return UploadSession(url, offset, session.min_chunk)

    def _call(
        self,
        method: str,
        target: str,
        expected: tuple[int, ...],
        *,
        body: bytes | Body | None = None,
        headers: Mapping[str, str] | None = None,
        commits: bool = False,
    ) -> Call:
        return upload_call(
            self.exchange,
            self.descriptor.digest,
            method,
            target,
            expected,
            body=body,
            headers=headers,
            patience=self.exchange.transport.timeouts.commit if commits else None,
        )


def _stated_offset(response: Response) -> int | None:
    """Bytes that the registry says it has; None where it does not say, 0 where it says nothing useful."""
    header = response.header("range")
    if not header:
        return None
    match = _RANGE.match(header.strip())
    last = int(match[1]) if match else 0
    return last + 1 if last else 0
