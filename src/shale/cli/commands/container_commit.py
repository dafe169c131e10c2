"""`shale commit`: make an image of what a container changed."""

from __future__ import annotations

from functools import partial

import click
from click.core import ParameterSource

from shale.cli.exit import remark
from shale.cli.framework import Command
from shale.cli.session import Session, pass_session
from shale.linux.freezing import CannotFreeze

__all__ = ["command"]


@click.command(cls=Command, help="Create a new image from a container's changes")
@click.option("-a", "--author", default=None, metavar="string",
              help='Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")')  # fmt: skip
@click.option("-c", "--change", "changes", multiple=True, metavar="list",
              help="Apply Dockerfile instruction to the created image")  # fmt: skip
@click.option("-m", "--message", default=None, metavar="string", help="Commit message")
@click.option("-p", "--pause/--no-pause", is_flag=True, default=True,
              help="Pause container during commit (default true)")  # fmt: skip
@click.argument("container", metavar="CONTAINER")
@click.argument("reference", metavar="[REPOSITORY[:TAG]]", required=False)
@click.pass_context
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session,
    ctx: click.Context,
    *,
    author: str | None,
    changes: tuple[str, ...],
    message: str | None,
    pause: bool,
    container: str,
    reference: str | None,
) -> None:
    commit = partial(
        session.engine.containers.commit, container, reference, author=author, changes=changes, message=message
    )
    try:
        made = commit(pause=pause)
    except CannotFreeze:
        # An ordinary user has control groups on few machines: who did not ask for the pause does without.
        if ctx.get_parameter_source("pause") is not ParameterSource.DEFAULT:
            raise
        remark("the container was not paused: it has no control group that could be stopped")
        made = commit(pause=False)
    session.print(str(made.id))
