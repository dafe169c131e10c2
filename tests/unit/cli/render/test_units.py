from __future__ import annotations

import json
import math
from typing import Any

import pytest

from shale.cli.render.units import (
    InvalidSize,
    bytes_size,
    custom_size,
    human_duration,
    human_size,
    parse_memory,
    parse_size,
)
from shared_vectors import VECTORS

CALLS: list[dict[str, Any]] = json.loads((VECTORS / "docker-misc" / "go_units.json").read_text())["calls"]

_SECOND = 1.0
_DAY = 24 * 3600.0
NAMES: dict[str, float] = {
    "time.Millisecond": 0.001,
    "time.Second": _SECOND,
    "time.Minute": 60.0,
    "time.Hour": 3600.0,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
    **{f"{mark}B": 1000.0 ** (power + 1) for power, mark in enumerate("KMGTP")},
    **{f"{mark}iB": 1024.0 ** (power + 1) for power, mark in enumerate("KMGTP")},
}


def value_of(expression: Any) -> float:
    """A Go constant expression of sums and products, as the vectors keep it."""
    if isinstance(expression, (int, float)):
        return expression
    if "$call" in expression:
        assert expression["$call"] == "float64"
        return value_of(expression["args"][0])
    return sum(
        math.prod(
            NAMES[factor] if factor in NAMES else float(factor) for factor in term.replace(" ", "").split("*")
        )
        for term in expression["$go"].split("+")
    )


FORMATTERS = {"BytesSize": bytes_size, "HumanSize": human_size, "HumanDuration": human_duration}
PARSERS = {"FromHumanSize": parse_size, "RAMInBytes": parse_memory}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"line {call['line']}")
def test_go_units(call: dict[str, Any]) -> None:
    args = call["args"][1:]
    if call["call"] == "assertEquals":
        expected, made = args
        assert FORMATTERS[made["$call"]](value_of(made["args"][0])) == expected
    elif call["call"] == "assertSuccessEquals":
        expected, function, text = args
        assert PARSERS[function["$go"]](text) == int(value_of(expected))
    else:
        assert call["call"] == "assertError"
        function, text = args
        with pytest.raises(InvalidSize):
            PARSERS[function["$go"]](text)


def test_sizes_of_images_as_docker_shows_them() -> None:
    sizes = [0, 999, 1000, 4_261_502, 187_694_648, 1_098_000_000]
    assert [human_size(size) for size in sizes] == ["0B", "999B", "1kB", "4.262MB", "187.7MB", "1.098GB"]
    assert human_size(187_694_648, 3) == "188MB"


def test_custom_size_stops_at_the_last_unit() -> None:
    assert custom_size(10**9, 1000, ("a", "b")) == "1e+06b"


@pytest.mark.parametrize("text", ["1_0", "٣", "inf", "nan", "1e400", "9" * 40, "1e30", "\n1", "1\t", "5 g i b"])
def test_sizes_that_only_python_would_read(text: str) -> None:
    with pytest.raises(InvalidSize):
        parse_size(text)
