"""`shale tag`: give an image another name."""

from __future__ import annotations

import click

from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(cls=Command, help="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE")
@click.argument("source", metavar="SOURCE_IMAGE[:TAG]", shell_complete=image_names)
@click.argument("target", metavar="TARGET_IMAGE[:TAG]", shell_complete=image_names)
@pass_session
def command(session: Session, *, source: str, target: str) -> None:  # noqa: D103 - the help above is its documentation
    session.engine.images.tag(source, target)
