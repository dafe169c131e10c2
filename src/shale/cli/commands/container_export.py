"""`shale export`: write the whole tree of a container as an archive."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shale.cli.framework import Command
from shale.cli.session import Session, pass_session
from shale.errors import Invalid

__all__ = ["command"]


@click.command(cls=Command, help="Export a container's filesystem as a tar archive")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=None, metavar="string",
              help="Write to a file, instead of STDOUT")  # fmt: skip
@click.argument("container", metavar="CONTAINER")
@pass_session
def command(session: Session, *, output: Path | None, container: str) -> None:  # noqa: D103 - see the help above
    if output is None and sys.stdout.isatty():
        raise Invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    session.engine.containers.export(container, output or sys.stdout.buffer)
