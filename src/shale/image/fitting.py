"""Which of several things fits a platform, where what each is for was written by strangers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from shale.oci.platform import InvalidPlatform, Platform, best_match, parse_platform

__all__ = ["best_offer"]

T = TypeVar("T")


def best_offer(wanted: Platform, things: Iterable[tuple[str, T]], host: Platform) -> T | None:
    """The thing that fits a platform best; None where none does.

    One whose platform makes no sense fits nowhere, and must not hide the others.

    Args:
        wanted: the platform.
        things: each with its platform as text.
        host: fills in what a text leaves out.
    """
    return best_match(wanted, _readable(things, host))


def _readable(things: Iterable[tuple[str, T]], host: Platform) -> Iterator[tuple[Platform, T]]:
    for text, thing in things:
        with suppress(InvalidPlatform):
            yield parse_platform(text, host), thing
