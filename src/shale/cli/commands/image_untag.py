"""`shale untag`: take names away and keep the images."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.exit import FAILED, complain
from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.session import Session, pass_session
from shale.cli.several import try_each

__all__ = ["command"]


@click.command(
    cls=Command,
    help="Remove a tag and keep the image.\n\n"
    "The image stays even without a name, until shale image prune; shale image restore brings the name back.",
)
@click.argument(
    "names", metavar="NAME[:TAG] [NAME[:TAG]...]", nargs=-1, required=True, shell_complete=image_names
)
@pass_session
def command(session: Session, *, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    def untag(name: str) -> None:
        session.print(f"Untagged: {session.engine.images.untag(name).familiar}")

    failures = try_each(session, names, untag)
    for failure in failures:
        complain(failure.message)
    return FAILED if failures else 0
