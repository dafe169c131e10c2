"""`shale inspect`: everything about containers and images, whichever a name means; containers first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from shale.cli.framework import Command
from shale.cli.inspecting import INSPECT_FORMAT_HELP, inspect_each
from shale.cli.inspection import as_fields
from shale.cli.naming import image_names
from shale.cli.options import format_option, platform_option
from shale.cli.session import Session, pass_session
from shale.container.naming import ContainerNotFound
from shale.errors import NotFound

__all__ = ["command"]


@click.command(cls=Command, help="Return low-level information on containers and images")
@format_option(INSPECT_FORMAT_HELP, short=True)
@platform_option("Inspect a specific platform of a multi-platform image")
@click.option("-s", "--size", is_flag=True, help="Display total file sizes if the type is container")
@click.option("--type", "kind", type=click.Choice(["container", "image"]), default=None, metavar="string",
              help="Only inspect objects of the given type: container or image")  # fmt: skip
@click.argument("names", metavar="NAME|ID [NAME|ID...]", nargs=-1, required=True, shell_complete=image_names)
@pass_session
def command(  # noqa: D103 - the help above is its documentation
    session: Session, *, template: str, platform: str | None, size: bool, kind: str | None, names: Sequence[str]
) -> int:
    engine = session.engine

    def find(name: str) -> Mapping[str, object]:
        if kind != "image":
            try:
                return as_fields(engine.containers.inspect(name, size=size))
            except ContainerNotFound:
                if kind == "container":
                    raise
        try:
            return as_fields(engine.images.inspect(name, platform=platform))
        except NotFound as error:
            if kind is None and platform is None:
                raise NotFound(f"no such object: {name}") from error
            raise

    return inspect_each(session, names, template, find)
