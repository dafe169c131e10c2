"""`shale image umount`: unmount images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from shale.cli.exit import FAILED, complain
from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import platform_option
from shale.cli.session import Session, pass_session
from shale.cli.several import try_each

__all__ = ["command"]


@click.command(
    cls=Command, help="Unmount images that shale image mount has mounted, by name or by mount point."
)
@click.option("-a", "--all", "everything", is_flag=True, help="Unmount all images that are mounted")
@click.option("-f", "--force", is_flag=True, help="Unmount although files of the image are in use")
@platform_option("Unmount the image for the given platform. Formatted as os[/arch[/variant]]")
@click.argument("names", metavar="[IMAGE...]", nargs=-1, shell_complete=image_names)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, everything: bool, force: bool, platform: str | None, names: Sequence[str]
) -> int:
    if everything == bool(names):
        raise click.UsageError("image umount needs the name of an image, or --all")
    images = session.engine.images
    places = [str(place) for place in images.mount_places()] if everything else names

    def unmount(name: str) -> None:
        place = images.umount(Path(name) if name.startswith("/") else name, platform=platform, force=force)
        session.print(str(place))

    failures = try_each(session, places, unmount)
    for failure in failures:
        complain(failure.message)
    return FAILED if failures else 0
