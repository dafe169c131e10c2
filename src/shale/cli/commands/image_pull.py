"""`shale pull`: bring an image from a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import platform_option, quiet_option
from shale.cli.progress import listener_for
from shale.cli.session import Session, pass_session
from shale.engine.policy import Policy
from shale.engine.transfers import Transfers
from shale.events import Notice
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation

if TYPE_CHECKING:
    from shale.image.pull import Pulled

__all__ = ["command"]


@click.command(cls=Command, help="Download an image from a registry")
@click.option("-a", "--all-tags", is_flag=True, help="Download all tagged images in the repository")
@platform_option("Set platform if server is multi-platform capable, or all")
@click.option("--policy", type=click.Choice([one.value for one in Policy]), default="always", metavar="string",
              help="When to ask the registry: always, missing, newer or never")  # fmt: skip
@quiet_option("Suppress verbose output")
@click.argument("name", metavar="NAME[:TAG|@DIGEST]", shell_complete=image_names)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, all_tags: bool, platform: str | None, policy: str, quiet: bool, name: str
) -> None:
    listener = listener_for(session, quiet=quiet)
    transfers = Transfers(session.engine.parts, listener, Cancellation())
    if all_tags:
        for one in transfers.pull_all_tags(name, platform):
            _report(session, one, quiet=quiet)
        return
    reference = Reference.parse(name)
    if reference.tag is None and reference.digest is None:
        listener(Notice("Using default tag: latest"))
    _report(session, transfers.pull(name, platform, Policy(policy)), quiet=quiet)


def _report(session: Session, pulled: Pulled, *, quiet: bool) -> None:
    reference = pulled.reference
    if not quiet:
        session.print(f"Digest: {pulled.target}")
        done = "Downloaded newer image" if pulled.changed else "Image is up to date"
        session.print(f"Status: {done} for {reference.familiar}")
    session.print(str(reference))
