from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from shale.image.instants import InvalidDuration, InvalidMoment, parse_duration, parse_until

SECOND = 10**9
NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("5s", 5 * SECOND),
        ("1478s", 1478 * SECOND),
        ("-5s", -5 * SECOND),
        ("+0", 0),
        ("5.0s", 5 * SECOND),
        ("5.s", 5 * SECOND),
        (".5s", SECOND // 2),
        ("1.00400s", 1_004_000_000),
        ("10ns", 10),
        ("11us", 11_000),
        ("12µs", 12_000),
        ("12μs", 12_000),
        ("13ms", 13_000_000),
        ("3h30m", 12600 * SECOND),
        ("10.5s4m", 250 * SECOND + SECOND // 2),
        ("-2m3.4s", -(123 * SECOND + 400_000_000)),
        ("1h2m3s4ms5us6ns", 3723 * SECOND + 4_005_006),
        ("9223372036854775807ns", 2**63 - 1),
        ("0.3333333333333333333h", 1200 * SECOND - 1),
    ],
)
def test_durations_of_go(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    ["", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "1 h", "1h ", "3000000h", "1h-2m", "٣s", "9" * 300 + "h"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidDuration):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", NOW - 86400 * SECOND),
        ("1h30m", NOW - 5400 * SECOND),
        ("1700000000", NOW),
        ("0", 0),
        ("-1", -SECOND),
        ("1136073600.000000001", 1136073600 * SECOND + 1),
        ("1136073600.5", 1136073600 * SECOND + SECOND // 2),
        ("2006-01-02T15:04:05Z", 1136214245 * SECOND),
        ("2006-01-02T15:04:05.25Z", 1136214245 * SECOND + SECOND // 4),
        ("2006-01-02T15:04:05+02:00", 1136207045 * SECOND),
        ("2006-01-02T15:04:05-07:00", 1136239445 * SECOND),
        ("2006-01-02T15:04Z", 1136214240 * SECOND),
        ("2006-01-02T15Z", 1136214000 * SECOND),
        ("2006-01-02Z", 1136160000 * SECOND),
        ("2006-01-02", 1136160000 * SECOND),
        ("2006-01-02T15:04:05.999999999", 1136214245 * SECOND + 999_999_999),
        ("1969-12-31T23:59:59.5Z", -SECOND // 2),
    ],
)
def test_moments(text: str, moment: int) -> None:
    assert parse_until(text, NOW) == moment


def test_a_time_without_a_zone_is_local() -> None:
    assert parse_until("2006-01-02", NOW, timezone(timedelta(hours=1))) == (1136160000 - 3600) * SECOND


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2006-13-01", "2006-02-30", "2006-01-02T25:00", "12-34", "1.x", "9" * 12, "0000-01-01"],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidMoment):
        parse_until(text, NOW)
