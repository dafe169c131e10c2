"""What commands that inspect have in common: how the documents that were found are printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from shale.cli.exit import FAILED, complain
from shale.cli.output import cleaner, shown
from shale.cli.render.jsontext import indented_json
from shale.cli.session import Session
from shale.cli.several import try_each

__all__ = ["INSPECT_FORMAT_HELP", "inspect_each"]

INSPECT_FORMAT_HELP: Final = """Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates"""


def inspect_each(
    session: Session, names: Sequence[str], template: str, find: Callable[[str], Mapping[str, object]]
) -> int:
    """Print what each name means, as JSON or through a template, and then what was not found.

    Args:
        session: where to print.
        names: as typed.
        template: of `--format`.
        find: gives the document of a name.

    Returns:
        The exit code.
    """
    found: list[Mapping[str, object]] = []
    failures = try_each(session, names, lambda name: found.append(find(name)))
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
