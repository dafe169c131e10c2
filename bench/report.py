"""Results as text, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bench.contest import Aim, Result
from bench.footprint import ABOUT, KEY, footprint_table

_HEAD = """\
# Benchmarks

How fast shale is beside the tools that people have, and where it is not. Written by `make bench`; nothing
here is typed by hand.

    make bench                                      all rows, several minutes
    .venv/bin/python -m bench --quick               two rounds, without the rows that take long
    .venv/bin/python -m bench 'pull/*' --rounds 7   some rows
    .venv/bin/python -m bench --list                what there is
    .venv/bin/python -m bench 'pull/*' --write      some rows, and this page with them

As root every store lies on a fresh ext4 with a journal, mounted from a file; otherwise, and then this page says
so, on the file system of the machine. Contestants take turns within a round, and who is first changes; one
round before the first warms up. What was measured, round by round, is in benchmarks.json beside this page.

- **seconds** is the median of the time of the whole process, **ratio** the median over the rounds of the
  quotient with the first contestant *of the same round*: machines drift, and others use them, so only ratios
  mean something elsewhere.
- **CPU s** is processor time, **peak MB** the memory at the most (resident, 10^6 bytes). For registries both
  are those of the server; docker's are those of its command alone, because its daemon works elsewhere.
- skopeo neither inflates what it copies nor verifies DiffIDs, nor does it sync what it wrote; `shale pull` does
  all three.
- Images come from and go to Debian's docker-registry on loopback, without TLS. They are those of the tests, and
  some of large files, half of each random bytes (`bench/large.py`, `bench/corpus.py`).
{where}
## Results
"""


def table(results: Sequence[Result]) -> str:
    """A Markdown table, one line for each contestant of each row."""
    lines = [
        "| row | contestant | rounds | seconds | ratio | CPU s | ratio | peak MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for result in results:
        for name in result.costs:
            key = result.row.key if name == result.yardstick else ""
            lines.append(
                f"| {key} | {name} | {len(result.costs[name])} "
                f"| {result.figure(name, 'wall'):.3f} | {result.ratio(name, 'wall'):.2f} "
                f"| {result.figure(name, 'cpu'):.3f} | {result.ratio(name, 'cpu'):.2f} "
                f"| {result.figure(name, 'peak') / 1e6:.0f} |"
            )
    return "\n".join(lines)


def document(results: Sequence[Result], footprints: Mapping[str, int], *, loop: bool) -> str:
    """The whole of docs/benchmarks.md."""
    where = (
        ""
        if loop
        else "\n**These figures are from the machine's own file system**: mounting was not allowed.\n"
    )
    about = "\n".join(f"- `{result.row.key}`: {result.row.about}" for result in results)
    disk = ["\n## Disk\n", f"`{KEY}`: {ABOUT}.\n", footprint_table(footprints)] if footprints else []
    parts = [_HEAD.format(where=where), table(results), *disk, "\n## What the rows are\n", about]
    return "\n".join([*parts, "\n## Aims\n", *_aims(results), ""])


def _aims(results: Sequence[Result]) -> Iterator[str]:
    yield "| row | aim | measured | |\n|---|---|--:|---|"
    for result in results:
        for aim in result.row.aims:
            cells = (result.row.key, _wanted(aim, result), _shown(aim, result), _verdict(aim, result))
            yield f"| {' | '.join(cells)} |"


def _wanted(aim: Aim, result: Result) -> str:
    what = {"wall": "seconds", "cpu": "CPU seconds", "peak": "peak MB"}[aim.figure]
    if aim.relative:
        return f"{aim.contestant}: {what} at most {aim.most:g} times those of {result.rival(aim)}"
    most = aim.most / 1e6 if aim.figure == "peak" else aim.most
    return f"{aim.contestant}: {what} at most {most:g}"


def _shown(aim: Aim, result: Result) -> str:
    reached = result.reached(aim)
    return f"{reached / 1e6:.0f}" if aim.figure == "peak" and not aim.relative else f"{reached:.2f}"


def _verdict(aim: Aim, result: Result) -> str:
    reached = result.reached(aim)
    if reached <= aim.most:
        return "reached"
    return f"missed by {100 * (reached / aim.most - 1):.0f} %: {aim.hindered or 'not yet known why'}"
