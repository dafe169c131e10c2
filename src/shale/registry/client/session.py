"""An upload that a registry has opened, and the requests that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from shale.errors import NotFound
from shale.oci.digest import Digest
from shale.registry.client.exchange import Call, Exchange
from shale.registry.client.failures import BlobNotFound
from shale.registry.client.request import Body
from shale.registry.client.response import Response

__all__ = ["UploadSession", "open_session", "upload_call"]

_MAX_CHUNK: Final = 2**40


class UploadSession(msgspec.Struct, frozen=True):
    """An upload that a registry has opened.

    Attributes:
        url: absolute, where the next request of this upload goes.
        offset: bytes that the registry has.
        min_chunk: bytes that a chunk must have at least, except the last (OCI-Chunk-Min-Length).
    """

    url: str
    offset: int = 0
    min_chunk: int = 0


def upload_call(
    exchange: Exchange,
    digest: Digest,
    method: str,
    target: str,
    expected: tuple[int, ...],
    *,
    body: bytes | Body | None = None,
    headers: Mapping[str, str] | None = None,
    missing: type[NotFound] = BlobNotFound,
    patience: float | None = None,
) -> Call:
    """A request that is part of putting a blob."""
    endpoint = exchange.endpoint
    return Call(
        method,
        target,
        f"blob {digest} of {endpoint.host}/{endpoint.repository}",
        scopes=(f"repository:{endpoint.repository}:pull,push",),
        headers=headers or {},
        body=body,
        expected=expected,
        missing=missing,
        patience=patience,
    )


def open_session(exchange: Exchange, response: Response) -> UploadSession:
    """The session that a 202 answers with.

    Raises:
        BadAnswer, RefusedTarget: its Location cannot be used.
    """
    least = response.header("oci-chunk-min-length")
    known = int(least) if least.isascii() and least.isdecimal() and len(least) <= 12 else 0
    return UploadSession(exchange.follow(response, response.header("location")), 0, min(known, _MAX_CHUNK))
