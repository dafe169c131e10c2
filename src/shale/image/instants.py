"""Durations as Go writes them, and the moments that `--filter until=` takes.

A moment is a whole number of nanoseconds since 1970 (UTC): exact, and what file systems and SQLite keep.
Grammar: Go's time.ParseDuration; Docker's GetTimestamp (api/types/time).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from shale.errors import Invalid

__all__ = ["InvalidDuration", "InvalidMoment", "parse_duration", "parse_until"]

_SECOND: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_LARGEST: Final = 2**63 - 1
_DIGITS_KEPT: Final = 18  # of a fraction; more cannot matter below a nanosecond


class InvalidDuration(Invalid):
    """A text is not a duration."""


class InvalidMoment(Invalid):
    """A text is neither a time nor a duration."""


def parse_duration(text: str) -> int:
    """Nanoseconds from a Go duration: `300ms`, `-1.5h`, `2h45m`.

    Raises:
        InvalidDuration: the text is malformed, or longer than 292 years.
    """
    sign = -1 if text.startswith("-") else 1
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0
    if len(text) > 200 or not re.fullmatch(r"(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+", body):
        raise InvalidDuration(f"invalid duration {text!r}: write it as 300ms, 1.5h or 2h45m")
    total = 0
    for whole, fraction, unit in re.findall(r"([0-9]*)\.?([0-9]*)(ns|us|µs|μs|ms|s|m|h)", body):
        scale = _UNITS[unit]
        kept = fraction[:_DIGITS_KEPT]
        total += int(whole or "0") * scale + int(kept or "0") * scale // 10 ** len(kept)
    if total > _LARGEST:
        raise InvalidDuration(f"invalid duration {text!r}: it is longer than 292 years")
    return sign * total


def parse_until(text: str, now: int, local: tzinfo = UTC) -> int:
    """The moment that a filter such as `until=` names.

    Args:
        text: a Go duration back from now (`24h`), an RFC 3339 time or date (`2024-01-02T15:04`,
            `2024-01-02T15:04:05.5+01:00`, `2024-01-02`), or Unix seconds (`1700000000.25`).
        now: nanoseconds since 1970.
        local: the zone of a time that names none.

    Returns:
        Nanoseconds since 1970.

    Raises:
        InvalidMoment: the text is none of these.
    """
    if text != "0":
        try:
            return now - parse_duration(text)
        except InvalidDuration:
            pass
    if match := re.fullmatch(r"(-?[0-9]{1,11})(?:\.([0-9]{1,18}))?", text):
        fraction = (match[2] or "0").ljust(9, "0")[:9]
        return int(match[1]) * _SECOND + int(fraction)
    return _calendar(text, local)


def _calendar(text: str, local: tzinfo) -> int:
    match = re.fullmatch(
        r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
        r"(?:T([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,18}))?)?)?)?"
        r"(Z|[+-][0-9]{2}:[0-9]{2})?",
        text,
    )
    if match is None:
        raise InvalidMoment(
            f"failed to parse {text!r} as time or duration: "
            "write 24h, 2024-01-02T15:04:05Z, 2024-01-02 or Unix seconds"
        )
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction = (match[7] or "0").ljust(9, "0")[:9]
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[8], local))
        seconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise InvalidMoment(f"failed to parse {text!r} as time: {error}") from None
    return seconds * _SECOND + int(fraction)


def _zone(text: str | None, local: tzinfo) -> tzinfo:
    if text is None:
        return local
    if text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)
