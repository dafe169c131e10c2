"""Asking several places for the same content: mirrors in order, the registry itself last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from shale.errors import Cancelled, ShaleError
from shale.oci.digest import Digest
from shale.registry.client.exchange import Exchange

__all__ = ["places", "try_each"]

T = TypeVar("T")


def places(exchanges: Sequence[Exchange], reference: Digest | str) -> Sequence[Exchange]:
    """Those that may be asked for this reference; the registry itself always may."""
    by_digest = isinstance(reference, Digest)
    return [
        each
        for each in exchanges
        if not each.endpoint.mirror
        or (each.endpoint.accepts_digests if by_digest else each.endpoint.accepts_tags)
    ]


def try_each(exchanges: Sequence[Exchange], action: Callable[[Exchange], T]) -> T:
    """The result of the first place where the action succeeds.

    A mirror may lack content, be down, want credentials or lie; none of that is the registry's own fault,
    so the next place is asked. The last place's error is the one that counts.
    """
    for exchange in exchanges[:-1]:
        try:
            return action(exchange)
        except Cancelled:
            raise
        except ShaleError:
            continue
    return action(exchanges[-1])
