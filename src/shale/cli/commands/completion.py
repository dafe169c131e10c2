"""`shale completion`: the script that makes a shell complete commands, flags and image names."""

from __future__ import annotations

import click

from shale.cli.framework import Command
from shale.cli.session import Session, pass_session

__all__ = ["command"]


@click.command(
    cls=Command,
    help="Print a script that completes commands in a shell.\n\n"
    "bash: source <(shale completion bash)\n"
    "zsh:  source <(shale completion zsh)\n"
    "fish: shale completion fish | source",
)
@click.argument("shell", type=click.Choice(["bash", "fish", "zsh"]), metavar="SHELL")
@pass_session
def command(session: Session, *, shell: str) -> None:  # noqa: D103 - the help above is its documentation
    from shale.cli.shells import script  # noqa: PLC0415 - help needs no scripts

    session.print(script(shell), end="")
