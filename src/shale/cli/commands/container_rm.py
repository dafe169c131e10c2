"""`shale rm`: remove containers with their changes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.exit import FAILED, complain
from shale.cli.framework import Command
from shale.cli.naming import container_names
from shale.cli.session import Session, pass_session
from shale.cli.several import try_each
from shale.errors import NotFound

__all__ = ["command"]


@click.command(cls=Command, help="Remove one or more containers")
@click.option("-f", "--force", is_flag=True, help="Force the removal of a running container (uses SIGKILL)")
@click.option(
    "-v",
    "--volumes",
    is_flag=True,
    help="Remove anonymous volumes associated with the container (they always are)",
)
@click.argument(
    "names", metavar="CONTAINER [CONTAINER...]", nargs=-1, required=True, shell_complete=container_names
)
@pass_session
def command(session: Session, *, force: bool, volumes: bool, names: Sequence[str]) -> int:  # noqa: D103, ARG001 - the help above is its documentation
    containers = session.engine.containers

    def remove(name: str) -> None:
        containers.remove(name, force=force)
        session.print(name)

    containers.tidied()
    failures = try_each(session, names, remove)
    for failure in failures:
        complain(failure.message)
    # With --force, a container that is not there is as good as removed: docker's rule, for scripts.
    harmless = force and all(isinstance(failure, NotFound) for failure in failures)
    return FAILED if failures and not harmless else 0
