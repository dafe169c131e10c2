"""Where results become text on standard output: what comes from outside must not steer a terminal.

Only on a terminal: a program that reads our output gets what the image says, byte for byte. A table is for
eyes wherever it goes, and a line break in a cell would break it, so its cells are always cleaned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping

from shale.cli.render.rows import Row, write_rows
from shale.cli.render.safe import escape_controls
from shale.cli.session import Session

__all__ = ["cleaner", "print_rows", "shown"]


def cleaner() -> Callable[[str], str] | None:
    """What to do with values before they are printed: escape them for a terminal, else nothing."""
    return escape_controls if sys.stdout.isatty() else None


def shown(text: str) -> str:
    """A text of several lines from outside, as it may be printed."""
    return escape_controls(text, keep="\n\t") if sys.stdout.isatty() else text


def print_rows(session: Session, rows: Iterable[Row], row_format: str, columns: Mapping[str, str]) -> None:
    """Print rows in a format from `choose_format`; see `write_rows`.

    Raises:
        TemplateError: the format is malformed or asks for a field that rows do not have.
    """
    clean = escape_controls if row_format.startswith("table") else cleaner()
    session.print(write_rows(rows, row_format, columns, clean), end="")
