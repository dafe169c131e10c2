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
    if "\t" not in text:
        return text
    lines = [line.split("\t") for line in text.split("\n")]
    ended = lines[-1] == [""]
    cells = lines[:-1] if ended else lines
    padded = _regular(cells) if len(set(map(len, cells))) == 1 else _ragged(cells)
    return "\n".join(padded) + ("\n" if ended else "")


def _regular(lines: Sequence[list[str]]) -> list[str]:
    """Lines with the same number of cells, as nearly every table has: a column is one run."""
    *columns, last = zip(*lines, strict=True)
    padded: list[Sequence[str]] = []
    for column in columns:
        if "".join(column).isascii():  # nearly all are, and then it is quick
            room = max(_LEAST_WIDTH, max(map(len, column)) + _PADDING)
            padded.append([cell.ljust(room) for cell in column])
            continue
        widths = [display_width(cell) for cell in column]
        room = max(_LEAST_WIDTH, max(widths) + _PADDING)
        padded.append([cell + " " * (room - width) for cell, width in zip(column, widths, strict=True)])
    return ["".join(cells) for cells in zip(*padded, last, strict=True)]


def _ragged(lines: Sequence[list[str]]) -> list[str]:
    widths = [[display_width(cell) for cell in cells[:-1]] for cells in lines]
    room = [[0] * len(row) for row in widths]
    for column in range(max(len(row) for row in widths)):
        _fit_column(widths, room, column)
    return [
        "".join(cell + " " * (space - width) for cell, space, width in zip(cells, spaces, row, strict=False))
        + cells[-1]
        for cells, spaces, row in zip(lines, room, widths, strict=True)
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
