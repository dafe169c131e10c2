"""`shale history`: the steps that made an image, the last one first."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import format_option, no_trunc_option, platform_option, quiet_option
from shale.cli.output import print_rows
from shale.cli.render.rows import Row, Styles, choose_format
from shale.cli.render.safe import ellipsis
from shale.cli.render.units import human_duration, human_size
from shale.cli.session import Session, pass_session
from shale.image.history import HistoryEntry

__all__ = ["command", "history_row"]

_COLUMNS: Final = {
    "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY",
    "Size": "SIZE", "Comment": "COMMENT",
}  # fmt: skip
_HUMAN: Final = ("ID", "CreatedSince", "CreatedBy", "Size", "Comment")
_EXACT: Final = ("ID", "CreatedAt", "CreatedBy", "Size", "Comment")
_COMMAND_WIDTH: Final = 45


@click.command(cls=Command, help="Show the history of an image")
@format_option()
@click.option("-H", "--human/--no-human", default=True,
              help="Print sizes and dates in human readable format (default true)")  # fmt: skip
@no_trunc_option()
@platform_option("Show history for the given platform. Formatted as os[/arch[/variant]] (e.g., linux/amd64)")
@quiet_option("Only show image IDs")
@click.argument("name", metavar="IMAGE", shell_complete=image_names)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session,
    *,
    template: str,
    human: bool,
    no_trunc: bool,
    platform: str | None,
    quiet: bool,
    name: str,
) -> None:
    entries = session.engine.images.history(name, platform=platform)
    rows = [history_row(entry, time.time(), human=human, trunc=not no_trunc) for entry in entries]
    style = Styles(_HUMAN if human else _EXACT)
    print_rows(session, rows, choose_format(template, style, quiet=quiet), _COLUMNS)


def history_row(entry: HistoryEntry, now: float, *, human: bool, trunc: bool) -> Row:
    """One step as docker shows it.

    Args:
        entry: the step.
        now: seconds since the epoch.
        human: sizes and ages for a person.
        trunc: ids and commands cut short.
    """
    image = "<missing>"
    if entry.image is not None:
        image = entry.image.short if trunc else str(entry.image)
    created = _moment(entry.created)
    at = created.isoformat(timespec="seconds").replace("+00:00", "Z") if created else "N/A"
    since = human_duration(now - created.timestamp()) + " ago" if created else "N/A"
    text = entry.created_by.replace("\t", " ")
    return {
        "ID": image,
        "CreatedSince": since if human else at,
        "CreatedAt": at,
        "CreatedBy": ellipsis(text, _COMMAND_WIDTH) if trunc else text,
        "Size": human_size(entry.size, 3) if human else str(entry.size),
        "Comment": entry.comment,
    }


def _moment(text: str | None) -> datetime | None:
    """When a step was made, in this machine's zone; None where the config does not say, or says nonsense."""
    try:
        created = datetime.fromisoformat(text).astimezone() if text else None
    except (ValueError, OverflowError):
        return None
    return created if created is not None and created.timestamp() > 0 else None
