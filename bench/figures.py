"""The figures behind docs/benchmarks.md, kept as JSON: a page can be made of runs on several days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import footprint
from bench.contest import Result, Row
from bench.cost import Cost


def keep(file: Path, result: Result) -> None:
    """Put the costs of one row in the file, in place of what stood there for it."""
    figures = _read(file)
    figures[result.row.key] = {name: [asdict(cost) for cost in costs] for name, costs in result.costs.items()}
    file.write_text(json.dumps(figures, indent=1) + "\n", encoding="ascii")


def kept(file: Path, rows: Sequence[Row]) -> list[Result]:
    """The results of those rows that the file has, in the order of the rows."""
    figures = _read(file)
    return [
        Result(row, {name: [_cost(cost) for cost in costs] for name, costs in figures[row.key].items()})
        for row in rows
        if row.key in figures
    ]


def keep_footprints(file: Path, found: Mapping[str, int]) -> None:
    """Put what stores use on disk in the file."""
    figures: dict[str, Any] = _read(file)
    figures[footprint.KEY] = dict(found)
    file.write_text(json.dumps(figures, indent=1) + "\n", encoding="ascii")


def kept_footprints(file: Path) -> Mapping[str, int]:
    """What stores use on disk, by engine; empty where the file does not have it."""
    figures: dict[str, Any] = _read(file)
    found: Mapping[str, int] = figures.get(footprint.KEY, {})
    return found


def _cost(figures: dict[str, float]) -> Cost:
    return Cost(wall=figures["wall"], cpu=figures["cpu"], peak=int(figures["peak"]))


def _read(file: Path) -> Any:
    return json.loads(file.read_bytes()) if file.exists() else {}
