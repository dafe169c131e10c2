"""One request, as a value: it can be sent again, and somewhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

__all__ = ["Body", "Request"]


class Body(Protocol):
    """A request's body that can be sent more than once."""

    @property
    def length(self) -> int:
        """Bytes in all."""

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes, from the beginning."""


class Request(msgspec.Struct, frozen=True):
    """What to send.

    Attributes:
        method: GET, HEAD, and so on.
        url: absolute.
        headers: as given; the transport adds its own.
        body: bytes, or something that produces them.
        patience: seconds to wait for the answer; None for the usual.
        confidential: whether the body is for the target's origin only.
    """

    method: str
    url: str
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes | Body | None = None
    patience: float | None = None
    confidential: bool = False
