"""Fetching blobs: bytes go to a sink as they come, and a cut transfer goes on where it ended.

Invariants:
- A sink gets each byte of the content once, in order, from its offset on; after `restart` from zero.
- Never more than the descriptor's size: one byte too many is an error and is not written.
- Only a 206 whose Content-Range continues at the offset is appended; a 200 starts over.
The sink takes the hash: bytes that are complete here are not yet verified.

Specification: distribution-spec "Pulling blobs"; RFC 9110 sections 13.1.5 (If-Range), 14 (ranges).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from shale.errors import Corrupt, Invalid
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.registry.client.encoding import undo_encoding
from shale.registry.client.exchange import Call, Exchange
from shale.registry.client.failures import BadAnswer, BlobNotFound, ConnectionCut, Transient, printable
from shale.registry.client.mirrors import places, try_each
from shale.registry.client.response import Response
from shale.registry.protocol import blob_path, parse_content_range

__all__ = ["BlobSink", "BlobTooLong", "Blobs", "RangeRefused"]

_GAIN: Final = 64 * 1024
"""Bytes of a try that count as progress: fewer, and a server could keep us busy for ever."""


class BlobSink(Protocol):
    """Where a blob's bytes go; it outlives a connection, and perhaps the process."""

    @property
    def offset(self) -> int:
        """How many bytes it has."""

    @property
    def etag(self) -> str | None:
        """What the server called the content from which those bytes came."""

    def restart(self) -> None:
        """Forget all bytes."""

    def write(self, data: memoryview, /) -> object:
        """Append bytes."""

    def remember(self, etag: str, /) -> None:
        """Keep the server's tag of the content, for a later If-Range."""


class BlobTooLong(Corrupt):
    """A server sends more bytes than the descriptor says, or announces another number of them."""


class RangeRefused(Transient):
    """A server answers a range with another one, or with none; the next try begins at zero."""


class Blobs(msgspec.Struct, frozen=True):
    """The blobs of one repository, at its mirrors and at the registry itself (last)."""

    exchanges: Sequence[Exchange]

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        """Bring a sink to the whole content, beginning at its offset.

        The descriptor's `urls` are not used: content from elsewhere is asked for on purpose or not at all.

        Args:
            descriptor: digest and size of the content.
            sink: gets the bytes; what it has stays there when this fails.

        Raises:
            BlobNotFound, RepositoryNotFound: there is no such blob.
            BlobTooLong: more bytes, or another number of them, than the descriptor says.
            BadAnswer: the server's answers cannot be used.
            Transient: all tries failed, none of them with progress.
            Stopped: cancelled.
            ShaleError: whatever the sink raises.
        """
        if sink.offset > descriptor.size:
            sink.restart()
        chosen = places(self.exchanges, descriptor.digest)
        try_each(chosen, lambda exchange: _fetch_from(exchange, descriptor, sink))

    def head(self, digest: Digest) -> int | None:
        """The size of a blob in bytes; None where the registry does not tell it.

        Raises:
            BlobNotFound, RepositoryNotFound: there is no such blob.
            ShaleError: see `Exchange.run`.
        """

        def ask(exchange: Exchange) -> int | None:
            return exchange.run(_call(exchange, digest, "HEAD", {}, (200,)), _stated_length)

        return try_each(places(self.exchanges, digest), ask)


def _call(
    exchange: Exchange, digest: Digest, method: str, headers: dict[str, str], expected: tuple[int, ...]
) -> Call:
    repository = exchange.endpoint.repository
    return Call(
        method,
        blob_path(repository, digest),
        f"blob {digest} of {exchange.endpoint.host}/{repository}",
        scopes=(f"repository:{repository}:pull",),
        headers=headers,
        expected=expected,
        missing=BlobNotFound,
    )


def _stated_length(response: Response) -> int | None:
    text = response.header("content-length")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 19 else None


def _fetch_from(exchange: Exchange, descriptor: Descriptor, sink: BlobSink) -> None:
    """Fetch from one place, as often as it takes."""
    attempts = exchange.attempts(f"blob {descriptor.digest.short}")
    while sink.offset < descriptor.size:
        before = sink.offset
        try:
            _transfer(exchange, descriptor, sink)
        except Transient as failure:
            if isinstance(failure, RangeRefused):
                sink.restart()
            elif sink.offset - before >= _GAIN:
                attempts.progressed()
            attempts.failed(failure)


def _transfer(exchange: Exchange, descriptor: Descriptor, sink: BlobSink) -> None:
    """One request and what it brings.

    Raises:
        Transient: cut or stalled; the sink has what came.
    """
    headers = {}
    if sink.offset:
        headers["Range"] = f"bytes={sink.offset}-"
        if sink.etag is not None:
            headers["If-Range"] = sink.etag
    call = _call(exchange, descriptor.digest, "GET", headers, (200, 206, 416))
    with exchange.send(call) as response:
        if response.status == 416 and sink.offset:
            raise RangeRefused(f"{call.subject}: the server has no range from byte {sink.offset}")
        if response.status == 416:
            raise BadAnswer(f"{call.subject}: the server refuses a range that nobody asked for")
        exchange.check(call, response)
        _begin(response, descriptor, sink, call.subject)
        _copy(response, descriptor, sink, call.subject)


def _begin(response: Response, descriptor: Descriptor, sink: BlobSink, subject: str) -> None:
    """Bring the sink to where the answer's body begins.

    Raises:
        RangeRefused: the body begins somewhere else.
        BlobTooLong: the answer announces another number of bytes.
    """
    etag = response.header("etag")
    strong = etag if etag.startswith('"') and len(etag) <= 256 and etag.isprintable() else None
    if response.status == 206:
        _check_range(response, descriptor, sink, subject)
        if sink.etag is not None and strong is not None and strong != sink.etag:
            raise RangeRefused(f"{subject}: the content changed under its digest")
    else:
        length = _stated_length(response)
        if length is not None and length != descriptor.size and not response.header("content-encoding"):
            raise BlobTooLong(
                f"{subject}: the server announces {length} bytes, the manifest says {descriptor.size}"
            )
        if sink.offset:
            sink.restart()
    if strong is not None and strong != sink.etag:
        sink.remember(strong)


def _check_range(response: Response, descriptor: Descriptor, sink: BlobSink, subject: str) -> None:
    header = response.header("content-range")
    try:
        first, _, total = parse_content_range(header)
    except Invalid as error:
        raise RangeRefused(f"{subject}: {error.message}") from error
    if first != sink.offset or total not in (None, descriptor.size) or response.header("content-encoding"):
        raise RangeRefused(
            f"{subject}: asked for bytes from {sink.offset} of {descriptor.size}, got {printable(header)!r}"
        )


def _copy(response: Response, descriptor: Descriptor, sink: BlobSink, subject: str) -> None:
    read = undo_encoding(response, descriptor.size, subject)
    left = descriptor.size - sink.offset
    while data := read():
        if len(data) > left:
            raise BlobTooLong(
                f"{subject}: the server sends more than the {descriptor.size} bytes it should have"
            )
        sink.write(memoryview(data))
        left -= len(data)
    if left:
        raise ConnectionCut(f"{subject}: the answer ended {left} bytes too early")
