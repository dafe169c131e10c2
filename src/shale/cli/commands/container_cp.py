"""`shale cp`: copy files between a container and this machine."""

from __future__ import annotations

import sys

import click

from shale.cli.exit import remark
from shale.cli.framework import Command
from shale.cli.options import quiet_option
from shale.cli.render.units import human_size
from shale.cli.session import Session, pass_session
from shale.container.files.copyrules import parse_place
from shale.errors import Invalid, Unsupported

__all__ = ["command"]

_HELP = """Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a container source to stdout."""


@click.command(cls=Command, help=_HELP)
@click.option("-a", "--archive", is_flag=True, help="Archive mode (copy all uid/gid information)")
@click.option("-L", "--follow-link", "follow", is_flag=True, help="Always follow symbol link in SRC_PATH")
@quiet_option(
    "Suppress progress output during copy. "
    "Progress output is automatically suppressed if no terminal is attached"
)
@click.argument("source", metavar="CONTAINER:SRC_PATH|SRC_PATH|-")
@click.argument("destination", metavar="CONTAINER:DEST_PATH|DEST_PATH|-")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, archive: bool, follow: bool, quiet: bool, source: str, destination: str
) -> None:
    for text, what in ((source, "source"), (destination, "destination")):
        if not text:
            raise Invalid(f"{what} can not be empty")
    origin, target = parse_place(source), parse_place(destination)
    containers = session.engine.containers
    if origin.container is not None and target.container is not None:
        raise Unsupported("copying between containers is not supported; copy to a folder of this machine first")
    if origin.container is not None:
        to = sys.stdout.buffer if target.path == "-" else target.path
        if to is sys.stdout.buffer and sys.stdout.isatty():
            raise Invalid("refusing to write an archive to a terminal; redirect it")
        copied = containers.copy_from(origin.container, origin.path, to, archive=archive, follow=follow)
    elif target.container is not None:
        begin = sys.stdin.buffer if origin.path == "-" else origin.path
        copied = containers.copy_to(target.container, begin, target.path, follow=follow)
    else:
        raise Invalid("must specify at least one container source")
    for note in copied.notes:
        remark(note)
    if not quiet and "-" not in (origin.path, target.path) and sys.stderr.isatty():
        session.warn(f"Successfully copied {human_size(copied.size)} to {destination}")
