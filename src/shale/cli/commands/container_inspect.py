"""`shale container inspect`: everything about containers, as JSON or through a template."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.framework import Command
from shale.cli.inspecting import INSPECT_FORMAT_HELP, inspect_each
from shale.cli.inspection import as_fields
from shale.cli.naming import container_names
from shale.cli.options import format_option
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(cls=Command, help="Display detailed information on one or more containers")
@format_option(INSPECT_FORMAT_HELP, short=True)
@click.option("-s", "--size", is_flag=True, help="Display total file sizes")
@click.argument(
    "names", metavar="CONTAINER [CONTAINER...]", nargs=-1, required=True, shell_complete=container_names
)
@pass_session
def command(session: Session, *, template: str, size: bool, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    containers = session.engine.containers
    return inspect_each(session, names, template, lambda name: as_fields(containers.inspect(name, size=size)))
