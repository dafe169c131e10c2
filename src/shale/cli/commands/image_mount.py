"""`shale image mount`: mount images read-only, and list what is mounted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from shale.cli.exit import FAILED, complain
from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import format_option, platform_option
from shale.cli.output import print_rows
from shale.cli.render.rows import Row, Styles, choose_format
from shale.cli.session import Session, pass_session
from shale.cli.several import try_each
from shale.engine.mountverbs import MountedImage

__all__ = ["command"]

_COLUMNS: Final = {"Image": "IMAGE", "ID": "IMAGE ID", "Path": "MOUNT POINT"}


@click.command(
    cls=Command,
    help="Mount images read-only, and print where; without an image, list what is mounted.\n\n"
    "An image stays mounted, and is not removed by a prune, until shale image umount or the machine's end.",
)
@format_option()
@platform_option("Mount the image for the given platform. Formatted as os[/arch[/variant]]")
@click.argument("names", metavar="[IMAGE...]", nargs=-1, shell_complete=image_names)
@pass_session
def command(session: Session, *, template: str, platform: str | None, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    images = session.engine.images
    if not names:
        rows = [row for one in images.mounts() for row in _rows(one)]
        print_rows(session, rows, choose_format(template, Styles(tuple(_COLUMNS))), _COLUMNS)
        return 0

    def mount(name: str) -> None:
        place = images.mount_for_all(name, platform=platform)
        session.print(str(place) if len(names) == 1 else f"{name} {place}")

    failures = try_each(session, names, mount)
    for failure in failures:
        complain(failure.message)
    return FAILED if failures else 0


def _rows(one: MountedImage) -> list[Row]:
    names = [name.familiar for name in one.image.names] if one.image is not None else []
    key = one.image.id.short if one.image is not None else one.manifest.short
    return [{"Image": name, "ID": key, "Path": str(one.place)} for name in names or ["<none>"]]
