"""Columns that line up: docker's tabwriter (elastic tabstops, cells of at least 10 columns, 3 of padding).

A cell ends at a tab; the cells of one column in neighbouring lines get one width. The text after the last tab
of a line belongs to no column and is not padded. (Go text/tabwriter, docker cli/command/formatter/tabwriter.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shale.cli.render.safe import display_width

__all__ = ["align"]

_LEAST_WIDTH: Final = 10
_PADDING: Final = 3


def align(text: str) -> str:
    """Lines of tab-ended cells as a table; the line breaks stay as they are."""
    lines = [line.split("\t") for line in text.split("\n")]
    if not any(len(cells) > 1 for cells in lines):
        return text
    return "\n".join(_padded(lines))


def _padded(lines: Sequence[list[str]]) -> list[str]:
    widths = [[display_width(cell) for cell in cells[:-1]] for cells in lines]
    room = [[0] * len(row) for row in widths]
    for column in range(max(len(row) for row in widths)):
        _fit_column(widths, room, column)
    return [
        "".join(
            [
                cell + " " * (room[index][column] - width)
                for column, (cell, width) in enumerate(zip(cells, row, strict=False))
            ]
        )
        + cells[-1]
        for index, (cells, row) in enumerate(zip(lines, widths, strict=True))
    ]


def _fit_column(widths: Sequence[list[int]], room: Sequence[list[int]], column: int) -> None:
    """Give each run of lines that have the column one width."""
    start = 0
    while start < len(widths):
        if column >= len(widths[start]):
            start += 1
            continue
        end, widest = start, 0
        while end < len(widths) and column < len(widths[end]):
            widest = max(widest, widths[end][column])
            end += 1
        for index in range(start, end):
            room[index][column] = max(_LEAST_WIDTH, widest + _PADDING)
        start = end
