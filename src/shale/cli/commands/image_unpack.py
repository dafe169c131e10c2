"""`shale image unpack`: write the files of an image into a folder."""

from __future__ import annotations

from pathlib import Path

import click

from shale.cli.exit import remark
from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import platform_option
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(
    cls=Command,
    help="Write the files of an image into a folder that is new or empty.\n\n"
    "Nothing is mounted, and root is not needed: root keeps the owners of files and makes device nodes, others "
    "get a tree of their own. The folder appears whole or not at all.",
)
@click.option(
    "--bundle", is_flag=True, help="Make an OCI bundle for runc or crun: DIR/rootfs, and DIR/config.json"
)
@platform_option("Unpack the image for the given platform. Formatted as os[/arch[/variant]]")
@click.argument("name", metavar="IMAGE", shell_complete=image_names)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@pass_session
def command(session: Session, *, bundle: bool, platform: str | None, name: str, folder: Path) -> None:  # noqa: D103 - the help above is its documentation
    done = session.engine.images.unpack(name, folder, bundle=bundle, platform=platform)
    for note in done.notes:
        remark(note)
    session.print(str(done.folder))
