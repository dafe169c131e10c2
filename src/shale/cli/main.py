"""The entry: reads the global flags, runs a command, and turns errors into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress

import click

from shale.cli.exit import FAILED, INTERRUPTED, complain, exit_code
from shale.cli.framework import CONTEXT, Group, LazyGroup, show_help, usage_exit_code, usage_line
from shale.cli.naming import COMPLETION
from shale.cli.session import Session
from shale.cli.tree import GROUPS, TOP
from shale.errors import ShaleError

__all__ = ["run"]


class _Root(LazyGroup):
    """`shale`: the groups, and the short forms of the commands that people use most."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Groups and commands."""
        return sorted([*GROUPS, *super().list_commands(ctx)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A group, or a command."""
        if cmd_name in GROUPS:
            text, members = GROUPS[cmd_name]
            return LazyGroup(cmd_name, text, members, context_settings=CONTEXT)
        return super().get_command(ctx, cmd_name)

    def sections(self, ctx: click.Context) -> list[tuple[str, list[tuple[str, str]]]]:  # noqa: ARG002 - as above
        """Management commands first, as docker shows them."""
        return [
            ("Management Commands", [(name, text) for name, (text, _) in sorted(GROUPS.items())]),
            ("Commands", [(name, self._members[name].help) for name in sorted(self._members)]),
        ]


@click.pass_context
def _open(ctx: click.Context, root: str | None, debug: bool, version: bool) -> None:  # noqa: FBT001 - click's
    if version:
        from shale.version import version_line  # noqa: PLC0415 - only when it is asked for

        click.echo(version_line())
        ctx.exit()
    stack = ctx.with_resource(ExitStack())
    ctx.obj = Session(os.environ, root or None, debug=debug, stack=stack)
    ctx.invoke(show_help)


def _root() -> Group:
    group = _Root(
        "shale", "Build, pull, push, store and explain container images, with no daemon", TOP,
        context_settings=CONTEXT,
        params=[
            click.Option(["--root"], type=click.Path(readable=False), metavar="FOLDER",
                         help="The store (default $SHALE_ROOT, /var/lib/shale for root, "
                              "$XDG_DATA_HOME/shale for a user)"),
            click.Option(["-D", "--debug"], is_flag=True, help="Show where an error comes from"),
            click.Option(["-v", "--version"], is_flag=True, help="Print version information and quit"),
        ],
    )  # fmt: skip
    group.callback = _open
    return group


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code.
    """
    if os.environ.get(COMPLETION):
        from shale.cli.shells import register  # noqa: PLC0415 - only while a shell completes

        register()
    debug = "-D" in arguments or "--debug" in arguments
    try:
        code = _root().main(list(arguments), prog_name="shale", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        complain(error.format_message())
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        complain("stopped; what came so far is kept")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: nothing to say, and nobody to say it to.
        _drop_output()
        return 141
    except OSError as error:
        # What no command expected, as a full disk under the output: one line, no pages of code.
        if debug:
            raise
        complain(f"{error.filename or 'standard output'}: {(error.strerror or str(error)).lower()}")
        _drop_output()
        return FAILED
    except ShaleError as error:
        if debug:
            raise
        complain(error.message)
        return exit_code(error)
    return code if isinstance(code, int) else 0


def _drop_output() -> None:
    """Let nobody write what could not be written once more: Python does it at the end, and complains."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.UsageError) -> int:
    """A mistake in what was typed: what is wrong, how it is used, where to read more."""
    complain(_usage_message(error))
    if error.ctx is not None and not isinstance(error.ctx.command, click.Group):
        sys.stderr.write(f"\nUsage:  {usage_line(error.ctx)}\n")
        sys.stderr.write(f"\nRun '{error.ctx.command_path} --help' for more information\n")
    return usage_exit_code(error)


def _usage_message(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        name = error.option_name
        guesses = f"; did you mean {', '.join(error.possibilities)}?" if error.possibilities else ""
        return f"unknown flag: {name}{guesses}" if name.startswith("--") else f"unknown shorthand flag: {name}"
    if isinstance(error, click.MissingParameter) and error.ctx is not None:
        return f"'{error.ctx.command_path}' requires {_wanted(error.ctx.command)}"
    return error.format_message()


def _wanted(command: click.Command) -> str:
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    count = sum(one.nargs if one.nargs > 0 else int(one.required) for one in arguments)
    least = "at least " if any(one.nargs < 0 for one in arguments) else ""
    return f"{least}{count} argument{'' if count == 1 else 's'}"
