"""Sizes and ages against the tests of github.com/docker/go-units."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from shale.cli.render.units import human_duration, human_size
from shale.runtime.notation import InvalidNotation, parse_size
from shared_vectors import VECTORS

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


FORMATTERS: Mapping[str, Callable[[float], str]] = {"HumanSize": human_size, "HumanDuration": human_duration}
PARSERS = {"RAMInBytes": parse_size}


def calls() -> list[dict[str, Any]]:
    """Those of the vectors that are of functions that shale has."""
    known = {*FORMATTERS, *PARSERS}
    every = json.loads((VECTORS / "docker-misc" / "go_units.json").read_text())["calls"]
    return [call for call in every if any(name_of(part) in known for part in call["args"][1:])]


def name_of(part: Any) -> str:
    return str(part.get("$call") or part.get("$go")) if isinstance(part, dict) else ""


@pytest.mark.parametrize("call", calls(), ids=lambda call: f"line {call['line']}")
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
        with pytest.raises(InvalidNotation):
            PARSERS[function["$go"]](text)
