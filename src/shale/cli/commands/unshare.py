"""`shale unshare`: a command, or a shell, as root of the user namespace of a user's containers."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from shale.cli.exit import complain
from shale.cli.framework import Command
from shale.cli.session import Session, pass_session
from shale.errors import Unsupported
from shale.linux.outside import is_inside
from shale.linux.process import ProgramNotFound, find_program

__all__ = ["command"]

_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127
"""As shells answer."""


class _Verbatim(Command):
    """Flags after the first word belong to the command that is run."""

    def make_parser(self, ctx: click.Context) -> Any:
        """Stop reading flags at the first argument."""
        parser = super().make_parser(ctx)
        parser.allow_interspersed_args = False
        return parser


@click.command(
    cls=_Verbatim,
    help="Run a command in the user namespace in which a user's containers are.\n\n"
         "Files of images and containers have their own owners there, and what is mounted stays as long as the "
         "command runs. Without a command it is a shell.",
)  # fmt: skip
@click.argument("words", metavar="[COMMAND [ARG...]]", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
@pass_session
def command(session: Session, ctx: click.Context, *, words: Sequence[str]) -> None:  # noqa: D103 - the help above is its documentation
    if not is_inside(session.environ):
        raise Unsupported(
            "unshare is for ordinary users: root has every user already, and mounts where it wants"
        )
    argv = list(words) or [session.environ.get("SHELL") or "/bin/sh"]
    sys.stdout.flush()
    # What Python ignores would stay ignored in the program.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        program = argv[0] if "/" in argv[0] else find_program(argv[0], session.environ)
        os.execve(program, argv, dict(session.environ))  # noqa: S606 - what was asked for
    except ProgramNotFound as error:
        complain(error.message)
        ctx.exit(_NOT_FOUND)
    except OSError as error:
        complain(f"{argv[0]}: {(error.strerror or str(error)).lower()}")
        ctx.exit(_NOT_FOUND if error.errno == errno.ENOENT else _NOT_EXECUTABLE)
