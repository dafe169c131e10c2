"""`shale create`: make a container of an image, and start nothing."""

from __future__ import annotations

from typing import Any

import click

from shale.cli.framework import ProgramCommand
from shale.cli.progress import listener_beside
from shale.cli.running.cidfile import CidFile
from shale.cli.running.options import container_options
from shale.cli.running.wishes import attached_streams, wishes_from
from shale.cli.session import Session, pass_session
from shale.engine.policy import Policy

__all__ = ["command"]


@click.command(cls=ProgramCommand, help="Create a new container")
@container_options
@pass_session
def command(session: Session, /, **flags: Any) -> None:  # noqa: D103 - the help above is its documentation
    wishes = wishes_from(flags, session.environ)
    attached_streams(flags["attach"], interactive=wishes.interactive)
    with CidFile(flags["cidfile"]) as cidfile:
        container = session.engine.containers.create(
            flags["image"],
            wishes=wishes,
            name=flags["name"] or "",
            remove=flags["remove"],
            platform=flags["platform"],
            policy=Policy(flags["pull"]),
            listener=listener_beside(session, quiet=flags["quiet"]),
        )
        cidfile.write(container.id)
    session.print(container.id)
