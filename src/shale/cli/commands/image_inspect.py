"""`shale image inspect`: everything about images, as JSON or through a template."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.framework import Command
from shale.cli.inspecting import INSPECT_FORMAT_HELP, inspect_each
from shale.cli.inspection import as_fields
from shale.cli.naming import image_names
from shale.cli.options import format_option, platform_option
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(cls=Command, help="Display detailed information on one or more images")
@format_option(INSPECT_FORMAT_HELP, short=True)
@platform_option("Inspect a specific platform of the multi-platform image.\n"
                 "If the image is not multi-platform, or the platform is not here, it is an error.\n"
                 "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)")  # fmt: skip
@click.argument("names", metavar="IMAGE [IMAGE...]", nargs=-1, required=True, shell_complete=image_names)
@pass_session
def command(session: Session, *, template: str, platform: str | None, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    images = session.engine.images
    return inspect_each(
        session, names, template, lambda name: as_fields(images.inspect(name, platform=platform))
    )
