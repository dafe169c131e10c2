"""Why a container did not start, with the exit codes that docker gives it.

125: the engine could not do its part; 126: the command is there and cannot be run; 127: it is not there.
"""

from __future__ import annotations

from shale.errors import Conflict, ShaleError
from shale.runtime import driver

__all__ = ["CommandDenied", "CommandNotFound", "NoCommand", "StartFailed", "start_failure"]


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
    """What went wrong, as one of the kinds above.

    Args:
        error: what the runtime, or the preparation of the container, raised.
    """
    if isinstance(error, StartFailed):
        return error
    if isinstance(error, driver.CommandNotFound):
        return CommandNotFound(error.message)
    if isinstance(error, driver.CommandNotExecutable):
        return CommandDenied(error.message)
    return StartFailed(error.message)
