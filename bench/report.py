"""Results as text."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contest import Result


def table(results: Sequence[Result]) -> str:
    """A Markdown table, one line for each contestant of each row."""
    lines = [
        "| row | contestant | seconds | ratio | CPU s | ratio | peak MB |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        for name in result.costs:
            key = result.row.key if name == result.yardstick else ""
            lines.append(
                f"| {key} | {name} | {result.figure(name, 'wall'):.3f} | {result.ratio(name, 'wall'):.2f} "
                f"| {result.figure(name, 'cpu'):.3f} | {result.ratio(name, 'cpu'):.2f} "
                f"| {result.figure(name, 'peak') / 1e6:.0f} |"
            )
    return "\n".join(lines)


def document(results: Sequence[Result], rounds: int, *, loop: bool) -> str:
    return table(results) + str(rounds) + str(loop)
