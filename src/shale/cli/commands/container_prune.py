"""`shale container prune`: remove all containers that do not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from shale.cli.asking import confirm
from shale.cli.framework import Command
from shale.cli.render.units import human_size
from shale.cli.session import Session, pass_session

__all__ = ["command"]

_QUESTION: Final = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?"


@click.command(cls=Command, help="Remove all stopped containers")
@click.option("--filter", "filters", multiple=True, metavar="filter",
              help='Provide filter values (e.g. "until=<timestamp>")')  # fmt: skip
@click.option("-f", "--force", is_flag=True, help="Do not prompt for confirmation")
@pass_session
def command(session: Session, *, filters: Sequence[str], force: bool) -> None:  # noqa: D103 - the help above is its documentation
    if not force and not confirm(session, _QUESTION):
        session.warn("container prune has been cancelled: nothing was removed")
        return
    pruned = session.engine.containers.prune(filters=filters)
    if pruned.containers:
        session.print("Deleted Containers:\n" + "\n".join(pruned.containers) + "\n")
    session.print(f"Total reclaimed space: {human_size(pruned.size)}")
