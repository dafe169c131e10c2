"""Flags that several commands have, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import click

__all__ = [
    "FORMAT_HELP",
    "filter_option",
    "format_option",
    "no_trunc_option",
    "platform_option",
    "quiet_option",
]

_Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

FORMAT_HELP: Final = """Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates"""


def format_option(text: str = FORMAT_HELP, *, short: bool = False) -> _Decorator:
    """`--format`, and `-f` where docker has that too."""
    names = ["-f", "--format"] if short else ["--format"]
    return click.option(*names, "template", default="", help=text)


def quiet_option(text: str) -> _Decorator:
    """`-q`, `--quiet`."""
    return click.option("-q", "--quiet", is_flag=True, help=text)


def no_trunc_option() -> _Decorator:
    """`--no-trunc`."""
    return click.option("--no-trunc", is_flag=True, help="Don't truncate output")


def filter_option(text: str) -> _Decorator:
    """`--filter`, as often as wanted."""
    return click.option("-f", "--filter", "filters", multiple=True, metavar="filter", help=text)


def platform_option(text: str) -> _Decorator:
    """`--platform`."""
    return click.option("--platform", default=None, help=text)
