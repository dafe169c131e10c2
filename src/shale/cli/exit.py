"""From errors to exit codes and messages: the one place where kinds become numbers.

Docker's command line answers 1 to whatever goes wrong, 125 to flags that it does not know, and 128 plus the
number of the signal to an interrupt.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

from shale.cli.render.safe import escape_controls
from shale.errors import Cancelled, ShaleError

__all__ = ["BAD_FLAG", "FAILED", "INTERRUPTED", "complain", "exit_code", "remark"]

FAILED: Final = 1
BAD_FLAG: Final = 125
INTERRUPTED: Final = 130
"""128 and the number of SIGINT."""


def exit_code(error: ShaleError) -> int:
    """The exit code for an error."""
    return INTERRUPTED if isinstance(error, Cancelled) else FAILED


def remark(text: str) -> None:
    """Tell a person what is not as it could be, on standard error, and go on.

    Args:
        text: as for `complain`.
    """
    sys.stderr.write(f"shale: note: {escape_controls(text, keep=chr(10))}\n")


def complain(text: str) -> None:
    """Tell a person what went wrong, on standard error, after what was printed so far.

    Args:
        text: it may quote a registry or an image: what would steer a terminal is shown instead.
    """
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    sys.stderr.write(f"shale: {escape_controls(text, keep=chr(10))}\n")
