"""`shale copy`: copy an image between registries, folders and archives, without the store."""

from __future__ import annotations

import click

from shale.cli.framework import Command
from shale.cli.options import platform_option, quiet_option
from shale.cli.progress import listener_for
from shale.cli.session import Session, pass_session
from shale.engine.copies import Copies
from shale.errors import Invalid
from shale.registry.client.cancel import Cancellation

__all__ = ["command"]

_HELP = """Copy an image between registries, folders and archives

SOURCE and DESTINATION are docker://NAME or NAME on a registry, oci:FOLDER[:TAG],
oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME[:TAG]]. All platforms are copied, with the exact
bytes and digests; the local store is not used."""


@click.command(cls=Command, help=_HELP)
@click.option("-a", "--all", "everything", is_flag=True, help="Copy all platforms (the default)")
@platform_option("Copy only the given platform (e.g., linux/arm64)")
@quiet_option("Suppress verbose output, print only the digest")
@click.argument("source", metavar="SOURCE")
@click.argument("destination", metavar="DESTINATION")
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, everything: bool, platform: str | None, quiet: bool, source: str, destination: str
) -> None:
    if everything and platform not in (None, "all"):
        raise Invalid("--all and --platform exclude one another")
    copies = Copies(session.settings, listener_for(session, quiet=quiet), Cancellation())
    copied = copies.copy(source, destination, platform)
    session.print(str(copied.digest) if quiet else f"Digest: {copied.digest}")
