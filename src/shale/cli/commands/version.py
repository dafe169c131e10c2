"""`shale version`: which shale this is, and what it uses."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import click

from shale.cli.framework import Command
from shale.cli.options import format_option
from shale.cli.render.values import GoMap
from shale.cli.session import Session, pass_session
from shale.version import shale_version

__all__ = ["command"]

_LIBRARIES: Final = ("aiohttp", "backports.zstd", "click", "isal", "msgspec")


@click.command(cls=Command, help="Show the version of shale and of what it uses")
@format_option("Format output using a custom template:\n"
               "'json':             Print in JSON format\n"
               "'TEMPLATE':         Print output using the given Go template.", short=True)  # fmt: skip
@pass_session
def command(session: Session, *, template: str) -> None:  # noqa: D103 - the help above is its documentation
    host = session.settings.host
    libraries = {name: found for name in _LIBRARIES if (found := _version(name))}
    client = {
        "Version": shale_version(),
        "PythonVersion": platform.python_version(),
        "Os": host.os,
        "Arch": host.architecture,
        "Libraries": GoMap(libraries),
    }
    if not template:
        session.print(_text(client, libraries), end="")
        return
    from shale.cli.render.template import compile_template  # noqa: PLC0415 - only for --format

    compiled = compile_template("{{json .}}" if template == "json" else template)
    session.print(compiled.render({"Client": client}))


def _text(client: Mapping[str, object], libraries: Mapping[str, str]) -> str:
    lines = [
        "Client: shale",
        f" Version:           {client['Version']}",
        f" Python version:    {client['PythonVersion']}",
        f" OS/Arch:           {client['Os']}/{client['Arch']}",
        " Libraries:",
        *(f"  {name + ':':<18}{found}" for name, found in libraries.items()),
    ]
    return "\n".join(lines) + "\n"


def _version(name: str) -> str:
    """A library's version; empty where this Python does without it (zstd is in Python from 3.14 on)."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
