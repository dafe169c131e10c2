"""`python -m shale` and the `shale` command."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    from shale.cli.main import run  # noqa: PLC0415 - the library can be imported without the command line

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
