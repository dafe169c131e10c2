"""`shale inspect`: everything about images, as JSON or through a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import click

from shale.cli.exit import FAILED, complain
from shale.cli.framework import Command
from shale.cli.inspection import as_fields
from shale.cli.naming import image_names
from shale.cli.options import format_option, platform_option
from shale.cli.output import cleaner, shown
from shale.cli.render.jsontext import indented_json
from shale.cli.session import Session, pass_session
from shale.cli.several import try_each

__all__ = ["command"]

_FORMAT_HELP: Final = """Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates"""


@click.command(cls=Command, help="Display detailed information on one or more images")
@format_option(_FORMAT_HELP, short=True)
@platform_option("Inspect a specific platform of the multi-platform image.\n"
                 "If the image is not multi-platform, or the platform is not here, it is an error.\n"
                 "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)")  # fmt: skip
@click.argument("names", metavar="IMAGE [IMAGE...]", nargs=-1, required=True, shell_complete=image_names)
@pass_session
def command(session: Session, *, template: str, platform: str | None, names: Sequence[str]) -> int:  # noqa: D103 - the help above is its documentation
    images = session.engine.images
    found: list[Mapping[str, object]] = []
    failures = try_each(
        session, names, lambda name: found.append(as_fields(images.inspect(name, platform=platform)))
    )
    session.print(_text(found, template), end="")
    for failure in failures:
        complain(failure.message)
    return FAILED if failures else 0


def _text(found: Sequence[Mapping[str, object]], template: str) -> str:
    if not template:
        return shown(indented_json(list(found), escape_html=False)) + "\n"
    from shale.cli.render.template import compile_template  # noqa: PLC0415 - only for --format

    compiled = compile_template("{{json .}}" if template == "json" else template, clean=cleaner())
    text = "".join(compiled.render(one) + "\n" for one in found)
    # Docker ends with a line break even where it found nothing: scripts count on a line.
    return shown(text) or "\n"
