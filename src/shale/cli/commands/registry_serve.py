"""`shale registry serve`: a registry in this process, until it is stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from shale.cli.framework import Command
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(
    cls=Command,
    help="Serve images to other machines.\n\n"
    "Anyone who reaches the address can pull, push and delete: keep it on this machine or in a network that "
    "you trust. SIGTERM or Ctrl-C stops it; requests under way are finished first.",
)
@click.option("--listen", default="127.0.0.1:5000", metavar="address",
              help="HOST:PORT to listen on; port 0 takes a free one (default 127.0.0.1:5000)")  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), default=None, metavar="folder",
              help="Where to keep the content (default: NAME-registry beside the store)")  # fmt: skip
@click.option("--no-delete", is_flag=True, help="Refuse to delete manifests, tags and blobs")
@pass_session
def command(session: Session, *, listen: str, data: Path | None, no_delete: bool) -> None:  # noqa: D103 - the help above is its documentation
    from shale.registry.server.options import ServerOptions  # noqa: PLC0415 - help needs no server
    from shale.registry.server.service import serve  # noqa: PLC0415 - as above

    def announce(line: str) -> None:
        session.print(line)
        sys.stdout.flush()

    root = session.settings.root
    folder = data.absolute() if data is not None else root.with_name(f"{root.name}-registry")
    serve(listen, folder, announce=announce, options=ServerOptions(allow_delete=not no_delete))
