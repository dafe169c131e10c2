"""Sizes and ages as Docker writes them (github.com/docker/go-units): `188MB`, `1.5KiB`, `6 days`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shale.errors import Invalid

__all__ = [
    "BINARY_UNITS",
    "DECIMAL_UNITS",
    "InvalidSize",
    "bytes_size",
    "custom_size",
    "human_duration",
    "human_size",
    "parse_memory",
    "parse_size",
]

DECIMAL_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
BINARY_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_PREFIXES: Final = "kmgtp"
_HOURS_A_DAY: Final = 24
_LARGEST: Final = 2**63 - 1


class InvalidSize(Invalid):
    """A text is not a size."""


def custom_size(size: float, step: float, units: Sequence[str], digits: int = 4) -> str:
    """A size in the largest unit of which there is at least one.

    Args:
        size: in the first unit, usually bytes.
        step: how many of one unit make the next.
        units: their names, smallest first.
        digits: significant digits kept.
    """
    size = float(size)
    last = len(units) - 1
    index = 0
    while size >= step and index < last:
        size /= step
        index += 1
    return f"{size:.{digits}g}{units[index]}"


def human_size(size: float, digits: int = 4) -> str:
    """Bytes in powers of 1000: `0B`, `1.024kB`, `188MB`."""
    return custom_size(size, 1000.0, DECIMAL_UNITS, digits)


def bytes_size(size: float) -> str:
    """Bytes in powers of 1024: `1KiB`, `3.42GiB`."""
    return custom_size(size, 1024.0, BINARY_UNITS)


def parse_size(text: str) -> int:
    """Bytes from a size in powers of 1000: `32`, `32.5 kB`, `1g`.

    Raises:
        InvalidSize: the text is not a size.
    """
    return _parse(text, 1000)


def parse_memory(text: str) -> int:
    """Bytes from a size in powers of 1024, as for memory: `64m`, `1GiB`.

    Raises:
        InvalidSize: the text is not a size.
    """
    return _parse(text, 1024)


def _parse(text: str, step: int) -> int:
    end = max(text.rfind(mark) for mark in "0123456789. ")
    number, suffix = text[: end + 1], text[end + 1 :].lower()
    number = number.removesuffix(" ")
    try:
        size = _plain_float(number) * _multiplier(suffix, step)
    except ValueError:
        raise InvalidSize(
            f"invalid size: {text!r}: give a number and a unit, for example 32m or 1.5GB"
        ) from None
    if not 0 <= size <= _LARGEST:
        raise InvalidSize(f"invalid size: {text!r}: it must lie between 0 and {_LARGEST} bytes")
    return int(size)


def _plain_float(number: str) -> float:
    # float() forgives spaces and underscores; Go does not.
    if not number.isascii() or number != number.strip() or "_" in number:
        raise ValueError(number)
    return float(number)


def _multiplier(suffix: str, step: int) -> int:
    if suffix in ("", "b"):
        return 1
    power = _PREFIXES.find(suffix[0]) + 1
    if power == 0 or suffix[1:] not in ("", "b", "ib"):
        raise ValueError(suffix)
    return int(step**power)


def human_duration(seconds: float) -> str:
    """An age in words, without the "ago": `Less than a second`, `About an hour`, `6 days`."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    return _days(hours, whole // 3600)


def _days(hours: int, full_hours: int) -> str:
    # The limits are go-units' own: weeks from two weeks on, months from 60 days, years from 730 days.
    days = hours // _HOURS_A_DAY
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    if days < 730:
        return f"{days // 30} months"
    return f"{full_hours // _HOURS_A_DAY // 365} years"
