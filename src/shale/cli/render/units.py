"""Sizes and ages as Docker writes them (github.com/docker/go-units): `188MB`, `6 days`."""

from __future__ import annotations

from typing import Final

__all__ = ["human_duration", "human_size"]

_STEP: Final = 1000
_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_HOURS_A_DAY: Final = 24


def human_size(size: float, digits: int = 4) -> str:
    """Bytes in powers of 1000: `0B`, `1.024kB`, `188MB`.

    Args:
        size: bytes.
        digits: significant digits kept.
    """
    size = float(size)
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size /= _STEP
        unit += 1
    return f"{size:.{digits}g}{_UNITS[unit]}"


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
