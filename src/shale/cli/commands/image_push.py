"""`shale push`: send images to their registry."""

from __future__ import annotations

from collections.abc import Sequence

import click

from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.options import platform_option, quiet_option
from shale.cli.progress import listener_for
from shale.cli.session import Session, pass_session
from shale.errors import Invalid
from shale.events import Notice
from shale.oci.reference import Reference

__all__ = ["command"]


@click.command(cls=Command, help="Upload an image to a registry")
@click.option("-a", "--all-tags", is_flag=True, help="Push all tags of an image to the repository")
@platform_option("Push a platform-specific manifest as a single-platform image to the registry.\n"
                 "Image index won't be pushed, meaning that other manifests, including attestations won't be "
                 "preserved.\n'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)")  # fmt: skip
@quiet_option("Suppress verbose output")
@click.argument(
    "names", metavar="NAME[:TAG] [NAME[:TAG]...]", nargs=-1, required=True, shell_complete=image_names
)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, all_tags: bool, platform: str | None, quiet: bool, names: Sequence[str]
) -> None:
    references = [Reference.parse(name) for name in names]
    if any(reference.digest is not None for reference in references):
        raise Invalid("cannot push a digest reference: push a tag, and the digest comes with it")
    if all_tags and (len(references) > 1 or references[0].tag is not None):
        raise Invalid("tag can't be used with --all-tags/-a")
    first = references[0]
    listener = listener_for(session, quiet=quiet)
    if first.tag is None and not all_tags:
        listener(Notice("Using default tag: latest"))
    listener(Notice(f"The push refers to repository [{first.name}]"))
    done = session.engine.images.push(*names, platform=platform, all_tags=all_tags, listener=listener)
    for pushed in done:
        if quiet:
            session.print(f"{first.name}:{pushed.tag}")
        else:
            session.print(f"{pushed.tag}: digest: {pushed.digest} size: {pushed.size}")
