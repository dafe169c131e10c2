"""Why a container did not start, with the exit codes that docker gives it.

125: the engine could not do its part; 126: the command is there and cannot be run; 127: it is not there.
"""

from __future__ import annotations

from typing import Final

from shale.errors import Conflict, ShaleError

__all__ = ["CommandDenied", "CommandNotFound", "NoCommand", "StartFailed", "start_failure"]

_NOT_FOUND: Final = ("executable file not found", "no such file or directory")
_DENIED: Final = ("permission denied", "is a directory", "exec format error", "operation not permitted")


class StartFailed(Conflict):
    """A container's first process never began.

    Attributes:
        exit_code: what a shell is told.
    """

    exit_code = 125


class NoCommand(StartFailed):
    """Neither the image nor the caller says what to run."""

    def __init__(self) -> None:
        super().__init__("no command specified")


class CommandNotFound(StartFailed):
    """The command is not in the image."""

    exit_code = 127


class CommandDenied(StartFailed):
    """The command is in the image and cannot be run: a folder, or not executable."""

    exit_code = 126


def start_failure(error: ShaleError) -> StartFailed:
    """What went wrong, as one of the kinds above; told from a runtime's words where there is no more.

    Args:
        error: what the runtime, or the preparation of the container, raised.
    """
    if isinstance(error, StartFailed):
        return error
    text = error.message
    lower = text.lower()
    # Both runc and crun speak of `exec` then; else something other than the command is missing, say the
    # source of a mount.
    about_command = "exec" in lower
    if about_command and any(words in lower for words in _NOT_FOUND):
        return CommandNotFound(text)
    if about_command and any(words in lower for words in _DENIED):
        return CommandDenied(text)
    return StartFailed(text)
