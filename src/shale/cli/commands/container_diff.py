"""`shale diff`: what a container changed."""

from __future__ import annotations

import os
import sys

import click

from shale.cli.framework import Command
from shale.cli.output import cleaner
from shale.cli.session import Session, pass_session
from shale.container.changes import shown

__all__ = ["command"]


@click.command(cls=Command, help="Inspect changes to files or directories on a container's filesystem")
@click.argument("container", metavar="CONTAINER")
@pass_session
def command(session: Session, *, container: str) -> None:  # noqa: D103 - the help above is its documentation
    lines = [shown(change) for change in session.engine.containers.diff(container)]
    clean = cleaner()
    if clean is not None:
        for line in lines:
            session.print(clean(line))
        return
    # A name may be anything but text: whoever reads our output gets its bytes as they are.
    sys.stdout.buffer.write(b"".join(os.fsencode(line) + b"\n" for line in lines))
