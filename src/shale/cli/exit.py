"""From errors to exit codes and messages: the one place where kinds become numbers.

Docker's command line answers 1 to whatever goes wrong, 125 to flags that it does not know, and 128 plus the
number of the signal to an interrupt.
"""

from __future__ import annotations

import signal
from typing import Final

from shale.errors import Cancelled, ShaleError

__all__ = ["BAD_FLAG", "FAILED", "exit_code"]

FAILED: Final = 1
BAD_FLAG: Final = 125


def exit_code(error: ShaleError) -> int:
    """The exit code for an error."""
    return 128 + signal.SIGINT if isinstance(error, Cancelled) else FAILED
