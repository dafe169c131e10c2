"""Errors of `run`: docker answers 125 where the engine failed, 126 and 127 where the command did."""

from __future__ import annotations

import sys

from shale.cli.exit import INTERRUPTED, complain
from shale.container.failures import StartFailed
from shale.errors import Cancelled, ShaleError

__all__ = ["run_failure"]

_OURS = 125


def run_failure(error: ShaleError, path: str) -> int:
    """Tell a person, and give the exit code.

    Args:
        error: what went wrong.
        path: of the command, for the hint: `shale run`.
    """
    complain(error.message)
    if isinstance(error, Cancelled):
        return INTERRUPTED
    sys.stderr.write(f"\nRun '{path} --help' for more information\n")
    return error.exit_code if isinstance(error, StartFailed) else _OURS
