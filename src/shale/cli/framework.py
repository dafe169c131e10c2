"""click, dressed as docker: groups that import a command when it runs, and help in docker's layout."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from shale.cli.exit import BAD_FLAG, FAILED
from shale.cli.tree import NAMESPACED, SIZED, Entry, aliases
from shale.errors import ShaleError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["CONTEXT", "Command", "Group", "LazyGroup", "ProgramCommand"]

CONTEXT: Final = {"help_option_names": ["--help"], "max_content_width": 160}
_TYPES: Final = {"text": "string", "integer": "int", "float": "float", "path": "string", "filename": "string"}
_TRUTHS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Command(click.Command):
    """A command whose help reads like docker's and whose usage errors say what docker's say."""

    flags_anywhere = True
    """Whether flags may stand after arguments, as with most of docker's commands."""

    def make_parser(self, ctx: click.Context) -> Any:
        """Say where flags may stand."""
        ctx.allow_interspersed_args = self.flags_anywhere
        return super().make_parser(ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; for an ordinary user as root of a user namespace, where it has to see files of many users."""
        module = _entry(self).module
        if os.geteuid() != 0 and (module in NAMESPACED or (module in SIZED and ctx.params.get("size"))):
            from shale.cli.namespaced import enter  # noqa: PLC0415 - root never needs it

            try:
                enter(ctx.obj, module)
            except ShaleError as error:
                return self.refused(error, ctx)
        return super().invoke(ctx)

    def refused(self, error: ShaleError, ctx: click.Context) -> int:  # noqa: ARG002 - for those who answer otherwise
        """The exit code where an ordinary user cannot have what the command needs; by default, the error."""
        raise error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `--flag=false` and `--flag=true` too, which Go's flags know and click's do not."""
        params = self.get_params(ctx)
        end = len(args) if self.flags_anywhere else _first_argument(params, args)
        return super().parse_args(ctx, [*_plain_flags(params, args[:end]), *args[end:]])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """`Usage:  shale image tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]`."""
        formatter.write(f"Usage:  {usage_line(ctx)}\n")

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Docker's layout: usage, a sentence, aliases, options."""
        self.format_usage(ctx, formatter)
        formatter.write(f"\n{_prose(self.help or '', formatter.width)}\n")
        names = [f"{ctx.find_root().info_name} {name}" for name in aliases(_entry(self))]
        if len(names) > 1:
            formatter.write("\nAliases:\n  " + ", ".join(names) + "\n")
        options = sorted(_shown_options(self, ctx), key=_long)
        if options:
            formatter.write("\nOptions:\n" + _options(options, formatter.width))


class ProgramCommand(Command):
    """A command that ends with somebody else's command line: what stands after the first argument is theirs."""

    flags_anywhere = False


class Group(click.Group):
    """A group that answers `shale image` with its help, and an unknown command as docker does."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a subcommand."""
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            path = ctx.command_path
            guess = _nearest(name, self.list_commands(ctx))
            hint = f"\n\nDid you mean {guess}?" if guess else ""
            raise click.UsageError(
                f"unknown command: {path} {name}{hint}\n\nRun '{path} --help' for more information"
            )
        return super().resolve_command(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """`Usage:  shale image COMMAND`."""
        options = "[OPTIONS] " if ctx.parent is None else ""
        formatter.write(f"Usage:  {ctx.command_path} {options}COMMAND\n")

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Docker's layout: usage, a sentence, commands, options."""
        self.format_usage(ctx, formatter)
        formatter.write(f"\n{_prose(self.help or '', formatter.width)}\n")
        for title, rows in self.sections(ctx):
            width = max(len(name) for name, _ in rows)
            formatter.write(f"\n{title}:\n")
            formatter.write("".join(f"  {name:<{width}}   {text}\n" for name, text in rows))
        options = sorted(_shown_options(self, ctx), key=_long)
        if options:
            formatter.write("\nOptions:\n" + _options(options, formatter.width))
        formatter.write(f"\nRun '{ctx.command_path} COMMAND --help' for more information on a command.\n")

    def sections(self, ctx: click.Context) -> list[tuple[str, list[tuple[str, str]]]]:
        """Titles, each with its commands and their one line of help."""
        rows = [
            (name, command.get_short_help_str(100))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        ]
        return [("Commands", rows)]


class LazyGroup(Group):
    """A group of commands that are imported when they are called."""

    def __init__(self, name: str, text: str, members: Mapping[str, Entry], **more: Any) -> None:
        super().__init__(name, help=text, invoke_without_command=True, callback=show_help, **more)
        self._members = members

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names that are shown."""
        return sorted(name for name, entry in self._members.items() if not entry.hidden)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import one command; None where there is no such name."""
        entry = self._members.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"shale.cli.commands.{entry.module}")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them, or the flags."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while a shell completes

        rows = (row for _, rows in self.sections(ctx) for row in rows)
        return [CompletionItem(name, help=text) for name, text in rows if name.startswith(incomplete)]

    def sections(self, ctx: click.Context) -> list[tuple[str, list[tuple[str, str]]]]:
        """The commands, without importing them."""
        return [("Commands", [(name, self._members[name].help) for name in self.list_commands(ctx)])]


@click.pass_context
def show_help(ctx: click.Context) -> None:
    """A group alone shows its help."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def usage_line(ctx: click.Context) -> str:
    """What to type: the path of a command and its arguments."""
    command = ctx.command
    arguments = [one.make_metavar(ctx) for one in command.get_params(ctx) if isinstance(one, click.Argument)]
    options = ["[OPTIONS]"] if _shown_options(command, ctx) else []
    return " ".join([ctx.command_path, *options, *arguments])


def _shown_options(command: click.Command, ctx: click.Context) -> list[click.Option]:
    """The flags that help is about: all but `--help` itself."""
    return [
        one
        for one in command.get_params(ctx)
        if isinstance(one, click.Option) and not one.hidden and "--help" not in one.opts
    ]


def usage_exit_code(error: click.UsageError) -> int:
    """Docker answers 125 to a flag that it does not know, and 1 to a wrong number of arguments."""
    return BAD_FLAG if isinstance(error, click.NoSuchOption | click.BadOptionUsage) else FAILED


def _plain_flags(params: list[click.Parameter], args: list[str]) -> list[str]:
    """The arguments with `--human=false` as `--no-human`, or left out where a flag is off anyway."""
    flags = {name: one for one in params if isinstance(one, click.Option) and one.is_flag for name in one.opts}
    end = args.index("--") if "--" in args else len(args)
    plain = []
    for arg in args[:end]:
        name, equals, value = arg.partition("=")
        flag = flags.get(name) if equals else None
        if flag is None or value.lower() not in _TRUTHS:
            plain.append(arg)
        elif _TRUTHS[value.lower()]:
            plain.append(name)
        else:
            plain += flag.secondary_opts[:1]
    return plain + args[end:]


def _first_argument(params: list[click.Parameter], args: list[str]) -> int:
    """Where the flags of a command end: the position of its first argument, or of `--`."""
    flags = {name: one.is_flag for one in params if isinstance(one, click.Option) for name in one.opts}
    position = 0
    while position < len(args) and args[position].startswith("-") and args[position] not in ("-", "--"):
        word = args[position]
        position += 1
        if word.startswith("--"):
            takes_next = "=" not in word and not flags.get(word, True)
        else:
            # `-it`, `-uroot`, `-u root`: a letter with a value takes the rest of the word, or the next one.
            taking = next(
                (at for at, letter in enumerate(word[1:], 1) if not flags.get(f"-{letter}", True)), None
            )
            takes_next = taking == len(word) - 1
        position += takes_next
    return min(position, len(args))


def _prose(text: str, width: int) -> str:
    """The words about a command, wrapped, each line of the source beginning one."""
    import textwrap  # noqa: PLC0415 - only for help

    return "\n".join(textwrap.fill(line, width) for line in text.strip().split("\n"))


def _entry(command: click.Command) -> Entry:
    callback = command.callback
    assert callback is not None
    return Entry(callback.__module__.rpartition(".")[2], "")


def _long(option: click.Option) -> str:
    return max(option.opts, key=len).lstrip("-")


def _options(options: list[click.Option], width: int) -> str:
    """Docker's two columns: `  -q, --quiet             Only show image IDs`."""
    import textwrap  # noqa: PLC0415 - only for help

    rows = []
    for option in options:
        short = next((one for one in option.opts if not one.startswith("--")), "")
        kind = "" if option.is_flag else " " + (option.metavar or _TYPES.get(option.type.name, "string"))
        rows.append((f"{short + ',' if short else '   '} --{_long(option)}{kind}", option.help or ""))
    column = max(len(left) for left, _ in rows) + 5
    lines = []
    for left, text in rows:
        wrapped: list[str] = []
        for paragraph in text.split("\n"):
            wrapped += textwrap.wrap(paragraph, max(30, width - column), drop_whitespace=True) or [""]
        lines.append(f"  {left:<{column - 2}}{wrapped[0]}")
        lines += [" " * column + more for more in wrapped[1:]]
    return "\n".join(lines) + "\n"


def _nearest(name: str, names: list[str]) -> str:
    import difflib  # noqa: PLC0415 - only for a mistake

    return next(iter(difflib.get_close_matches(name, names, n=1)), "")
