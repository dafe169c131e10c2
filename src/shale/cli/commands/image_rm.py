"""`shale rmi`: remove names, and with its last name an image."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.exit import FAILED, complain
from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.session import Session, pass_session
from shale.cli.several import try_each
from shale.errors import NotFound

__all__ = ["command"]


@click.command(cls=Command, help="Remove one or more images")
@click.option("-f", "--force", is_flag=True, help="Force removal of the image")
@click.option("--no-prune", is_flag=True, help="Do not delete untagged parents")
@click.argument("names", metavar="IMAGE [IMAGE...]", nargs=-1, required=True, shell_complete=image_names)
@pass_session
def command(session: Session, *, force: bool, no_prune: bool, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    images = session.engine.images

    def remove(name: str) -> None:
        removal = images.remove(name, force=force, prune=not no_prune)
        for gone in removal.untagged:
            session.print(f"Untagged: {gone}")
        for gone in removal.deleted:
            session.print(f"Deleted: {gone}")

    failures = try_each(session, names, remove)
    for failure in failures:
        complain(failure.message)
    # With --force, an image that is not there is as good as removed: docker's rule, for scripts.
    harmless = force and all(isinstance(failure, NotFound) for failure in failures)
    return FAILED if failures and not harmless else 0
