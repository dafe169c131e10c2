"""`shale kill`: send a signal to containers."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.framework import Command
from shale.cli.naming import container_names
from shale.cli.session import Session, pass_session
from shale.cli.several import report_each

__all__ = ["command"]


@click.command(cls=Command, help="Kill one or more running containers")
@click.option("-s", "--signal", default="KILL", help="Signal to send to the container")
@click.argument(
    "names", metavar="CONTAINER [CONTAINER...]", nargs=-1, required=True, shell_complete=container_names
)
@pass_session
def command(session: Session, *, signal: str, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    containers = session.engine.containers

    def kill(name: str) -> None:
        containers.kill(name, signal)
        session.print(name)

    return report_each(session, names, kill)
