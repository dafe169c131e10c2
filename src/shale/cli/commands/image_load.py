"""`shale load`: bring the images of an archive into the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shale.cli.framework import Command
from shale.cli.options import platform_option, quiet_option
from shale.cli.progress import listener_for
from shale.cli.session import Session, pass_session
from shale.engine.archives import Archives
from shale.errors import Invalid
from shale.registry.client.cancel import Cancellation

if TYPE_CHECKING:
    from shale.image.archive.load import Loaded

__all__ = ["command"]


@click.command(cls=Command, help="Load an image from a tar archive or STDIN")
@click.option("-i", "--input", "source", type=click.Path(path_type=Path), default=None, metavar="string",
              help="Read from a tar archive file or an OCI layout folder, instead of STDIN")  # fmt: skip
@platform_option("Load only the given platform variant. Formatted as os[/arch[/variant]] (e.g., linux/amd64)")
@quiet_option("Suppress the load output")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, source: Path | None, platform: str | None, quiet: bool
) -> None:
    if source is None and sys.stdin.isatty():
        raise Invalid("requested load from stdin, but stdin is empty; use -i FILE or redirect")
    # Without a terminal docker shows no progress of a load either.
    listener = listener_for(session, quiet=quiet or not session.is_terminal)
    archives = Archives(session.engine.parts, listener, Cancellation())
    for loaded in archives.load(source or sys.stdin.buffer, platform):
        _report(session, loaded)


def _report(session: Session, loaded: Loaded) -> None:
    for name in loaded.names:
        session.print(f"Loaded image: {name.familiar}")
    if not loaded.names:
        session.print(f"Loaded image ID: {loaded.id}")
