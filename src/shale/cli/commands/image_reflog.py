"""`shale reflog`: what names pointed at, since when, and by which command."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import format_option, no_trunc_option, quiet_option
from shale.cli.output import print_rows
from shale.cli.render.rows import Row, Styles, choose_format
from shale.cli.render.units import human_duration
from shale.cli.session import Session, pass_session
from shale.store.names import LogEntry

__all__ = ["command"]

_COLUMNS: Final = {
    "Name": "NAME", "Step": "STEP", "Selector": "NAME@{STEP}", "Digest": "DIGEST", "Since": "SINCE", "At": "AT",
    "Command": "COMMAND",
}  # fmt: skip
_TABLE: Final = ("Selector", "Digest", "Since", "Command")


@click.command(
    cls=Command,
    help="Show what names pointed at, since when, and by which command.\n\n"
    "shale image restore NAME@{STEP} points a name at it again, while its content is still here.",
)
@format_option()
@no_trunc_option()
@quiet_option("Only show digests")
@click.argument("name", required=False, metavar="[NAME[:TAG]]", shell_complete=image_names)
@pass_session
def command(session: Session, *, template: str, no_trunc: bool, quiet: bool, name: str | None) -> None:  # noqa: D103 - the help above is its documentation
    rows = _rows(session.engine.images.reflog(name), time.time(), trunc=not no_trunc)
    style = Styles(_TABLE, quiet="{{.Digest}}")
    print_rows(session, rows, choose_format(template, style, quiet=quiet), _COLUMNS)


def _rows(log: Sequence[LogEntry], now: float, *, trunc: bool) -> list[Row]:
    """The moves, each with its number: 0 is where its name stands now."""
    steps: Counter[str] = Counter()
    rows: list[Row] = []
    for entry in log:
        name = entry.reference.familiar
        digest = "<removed>"
        if entry.target is not None:
            digest = entry.target.short if trunc else str(entry.target)
        rows.append(
            {
                "Name": name,
                "Step": str(steps[name]),
                "Selector": f"{name}@{{{steps[name]}}}",
                "Digest": digest,
                "Since": human_duration(now - entry.at) + " ago",
                "At": datetime.fromtimestamp(entry.at).astimezone().isoformat(timespec="seconds"),
                "Command": entry.command,
            }
        )
        steps[name] += 1
    return rows
