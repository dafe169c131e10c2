"""`shale rename`: give a container another name."""

from __future__ import annotations

import click

from shale.cli.framework import Command
from shale.cli.naming import container_names
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(cls=Command, help="Rename a container")
@click.argument("container", metavar="CONTAINER", shell_complete=container_names)
@click.argument("name", metavar="NEW_NAME")
@pass_session
def command(session: Session, *, container: str, name: str) -> None:  # noqa: D103 - the help above is its documentation
    session.engine.containers.rename(container, name)
