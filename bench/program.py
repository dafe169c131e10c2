"""Choosing rows, holding them, showing what came out."""

from __future__ import annotations

import argparse
import fnmatch
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import containers, footprint, listings, serving, transfers
from bench.contest import Row, hold
from bench.figures import keep, keep_footprints, kept, kept_footprints
from bench.report import document, table
from bench.stage import Stage, open_stage

_ROWS: Sequence[Row] = (*transfers.ROWS, *listings.ROWS, *serving.ROWS, *containers.ROWS)
_QUICK = 2
_FULL = 5


def main(arguments: Sequence[str], target: Path) -> int:
    """Run the benchmark.

    Args:
        arguments: of the command line, without the program's name.
        target: the document that `--write` writes.
    """
    options = _parser().parse_args(arguments)
    rows = _chosen(options.rows, quick=options.quick)
    weighs = _matches(footprint.KEY, options.rows) if options.rows else not options.quick
    if not rows and not weighs:
        raise SystemExit(f"no row is called {' or '.join(options.rows)}; see --list")
    if options.list:
        about = [(row.key, row.about) for row in rows] + [(footprint.KEY, footprint.ABOUT)] * weighs
        print("\n".join(f"{key:18} {text}" for key, text in about))
        return 0
    rounds = options.rounds or (_QUICK if options.quick else _FULL)
    # Ended from outside, it still stops the peers and unmounts the disks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with open_stage(Path(tempfile.gettempdir())) as stage:
        if not stage.disks.loop:
            print("not allowed to mount: stores lie on the machine's own file system", file=sys.stderr)
        for row in rows:
            begun = time.monotonic()
            result = hold(row, stage, rounds)
            if options.write:
                keep(target.with_suffix(".json"), result)
                _write(target, stage)
            print(table([result]), f"({time.monotonic() - begun:.0f} s)\n", sep="\n", flush=True)
        if weighs:
            found = footprint.footprints(stage)
            if options.write:
                keep_footprints(target.with_suffix(".json"), found)
                _write(target, stage)
            print(footprint.footprint_table(found), flush=True)
    return 0


def _write(target: Path, stage: Stage) -> None:
    """Write the page anew from all that is known."""
    figures = target.with_suffix(".json")
    text = document(kept(figures, _ROWS), kept_footprints(figures), loop=stage.disks.loop)
    target.write_text(text, encoding="utf-8")


def _chosen(patterns: Sequence[str], *, quick: bool) -> list[Row]:
    if not patterns:
        return [row for row in _ROWS if not (quick and row.heavy)]
    return [row for row in _ROWS if _matches(row.key, patterns)]


def _matches(key: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench", description="Measure shale and its peers in turn.")
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help="which rows, as patterns: 'pull/*' (default all)"
    )
    parser.add_argument("--rounds", type=int, help=f"rounds after the warm-up (default {_FULL})")
    parser.add_argument("--quick", action="store_true", help="few rounds, and without the rows that take long")
    parser.add_argument("--list", action="store_true", help="say which rows there are, and measure nothing")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the results to docs/benchmarks.md and .json, and leave its other rows as they are",
    )
    return parser
