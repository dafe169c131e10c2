"""`shale restore`: point a name at what it pointed at before."""

from __future__ import annotations

import re
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.naming import image_names
from shale.cli.session import Session, pass_session
from shale.errors import Invalid

__all__ = ["command"]

_SELECTOR: Final = re.compile(r"(.+)@\{([0-9]{1,9})\}\Z")


@click.command(
    cls=Command,
    help="Point a name at what it pointed at before.\n\n"
    "STEP is the number that shale image reflog shows: 1 is the target before the current one.",
)
@click.argument("selector", metavar="NAME[:TAG]@{STEP}", shell_complete=image_names)
@pass_session
def command(session: Session, *, selector: str) -> None:  # noqa: D103 - the help above is its documentation
    match = _SELECTOR.match(selector)
    if match is None:
        raise Invalid(f"invalid step {selector!r}: expected NAME[:TAG]@{{STEP}}, as shale reflog shows it")
    images = session.engine.images
    reference = images.restore(match[1], int(match[2]))
    target = session.engine.store.names.get(reference).target
    session.print(f"{reference.familiar}: points at {target} again")
