"""`python -m shale` and the `shale` command."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Final, NoReturn

_YOUNG: Final = 50_000
"""Objects between two searches for garbage: importing makes many and leaves none, and searching takes longer
than a list of images."""


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(_YOUNG)
    from shale.cli.main import run  # noqa: PLC0415 - the library can be imported without the command line

    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        # Who has closed the other end, or the disk that is full, was told of already where it matters.
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    # Everything of ours is closed by now, and what is to last is on disk: taking the interpreter apart would
    # take a fifth of the time of a short command.
    os._exit(code)


if __name__ == "__main__":
    main()
