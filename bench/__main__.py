"""The command line of the benchmark: `make bench`, or `python -m bench --help`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))  # the peers live there

from bench.program import main  # noqa: E402 - they must be found first

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], ROOT / "docs" / "benchmarks.md"))
