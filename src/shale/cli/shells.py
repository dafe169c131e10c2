"""Completion scripts, one per shell. Each asks `shale` itself, which answers before any command runs.

Click has scripts of its own, but bash takes `nginx:1.27` for three words, and click's script believes it. So
bash gets ours, which hands over the line as it was typed, and takes the part before the last colon off the
answers, because bash keeps that part on its line.
"""

from __future__ import annotations

import os
from typing import Final

import click
from click.shell_completion import (
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from shale.cli.naming import COMPLETION

__all__ = ["BashLine", "register", "script"]

_BASH: Final = """\
_shale_completion() {
    local IFS=$'\\n' word answer head
    head="${COMP_LINE:0:COMP_POINT}"
    word="${head##*[[:space:]]}"
    COMPREPLY=()
    for answer in $(env COMP_LINE="$head" %(complete_var)s=bash_complete %(prog_name)s); do
        case "${answer%%%%,*}" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            *) COMPREPLY+=("${answer#*,}") ;;
        esac
    done
    if [[ "$word" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${word%%"${word##*:}"}"}")
    fi
    return 0
}

complete -o nosort -F _shale_completion %(prog_name)s
"""


class BashLine(ShellComplete):
    """Completion for bash, from the line up to the cursor."""

    name = "bash"
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The finished words of the line, and the one that is being typed."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)[1:]
        if not words or line[-1:].isspace():
            return words, ""
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """`plain,nginx:latest`."""
        return f"{item.type},{item.value}"


def script(shell: str) -> str:
    """The script to be read by a shell.

    Args:
        shell: `bash`, `zsh` or `fish`.
    """
    program = click.Group("shale")
    completer: ShellComplete
    if shell == "bash":
        completer = BashLine(program, {}, "shale", COMPLETION)
    elif shell == "zsh":
        completer = ZshComplete(program, {}, "shale", COMPLETION)
    else:
        completer = FishComplete(program, {}, "shale", COMPLETION)
    return completer.source().rstrip("\n") + "\n"


def register() -> None:
    """Make click answer bash in our way."""
    add_completion_class(BashLine)
