"""`shale wait`: wait for containers to end, and print their exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.framework import Command
from shale.cli.naming import container_names
from shale.cli.session import Session, pass_session
from shale.cli.several import report_each

__all__ = ["command"]


@click.command(cls=Command, help="Block until one or more containers stop, then print their exit codes")
@click.argument(
    "names", metavar="CONTAINER [CONTAINER...]", nargs=-1, required=True, shell_complete=container_names
)
@pass_session
def command(session: Session, *, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    containers = session.engine.containers
    return report_each(session, names, lambda name: session.print(str(containers.wait(name))))
