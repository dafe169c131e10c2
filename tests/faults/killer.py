"""Runs a workload again and again, each time killed (SIGKILL) or failing at another point.

    for casualty in kill_at_each_call("faults.workloads:pull_one", tmp_path):
        ...  # casualty.root is what the kill left; casualty.said is what was promised before it

A kill before call k+1 leaves on disk exactly what a kill after call k leaves, so "before each" is all there is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Casualty", "fail_at_each_call", "kill_at_each_call", "kill_at_random_instants", "run_limited"]

_TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Casualty:
    """What one run left.

    Attributes:
        root: the store's folder.
        said: the lines that the workload said before it ended: what it promised.
        call: the call at which it was killed or failed; empty where it came to its end.
        error: the exception that ended it, with its trace; empty where there was none.
        killed: whether it was killed.
    """

    root: Path
    said: tuple[str, ...]
    call: str
    error: str
    killed: bool


def kill_at_each_call(
    work: str, folder: Path, *, prepare: str | None = None, args: Sequence[object] = (), most: int = 2000
) -> Iterator[Casualty]:
    """Kill before the first call that changes a file, the second, ..., and at last let one run through.

    Args:
        work: `module:function`, called as `function(root, say, *args)`.
        folder: where the roots are made.
        prepare: `module:function`, called as `function(root, *args)` before each run, undisturbed.
        args: JSON values for both.
        most: more calls than this are an error.
    """
    yield from run_plan("kill", work, folder, prepare, args, most=most)


def fail_at_each_call(
    work: str, folder: Path, names: Sequence[str], error: int, *, prepare: str | None = None,
    args: Sequence[object] = (), most: int = 500,
) -> Iterator[Casualty]:  # fmt: skip
    """Let the first call of one of these names fail with an errno, then the second, ..., then none."""
    yield from run_plan("fail", work, folder, prepare, args, most=most, names=list(names), error=error)


def kill_at_random_instants(
    work: str, folder: Path, *, times: int, seed: int, prepare: str | None = None, args: Sequence[object] = ()
) -> Iterator[Casualty]:
    """Let one run through to see how long it takes, then kill `times` runs somewhere in that time."""
    yield from run_plan("random", work, folder, prepare, args, times=times, seed=seed)


def run_limited(
    work: str, folder: Path, *, limit: int, prepare: str | None = None, args: Sequence[object] = ()
) -> Casualty:
    """Run where no file may grow beyond `limit` bytes."""
    return next(run_plan("limit", work, folder, prepare, args, limit=limit))


def run_plan(
    mode: str, work: str, folder: Path, prepare: str | None, args: Sequence[object], **more: Any
) -> Iterator[Casualty]:
    """Start the child and read its results while it works."""
    plan = {"mode": mode, "work": work, "folder": str(folder), "prepare": prepare, "args": list(args), **more}
    paths = [str(_TESTS), str(_TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")]
    with subprocess.Popen(
        [sys.executable, "-m", "faults.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps(plan))
            child.stdin.close()
            for line in child.stdout:
                told = json.loads(line)
                yield Casualty(
                    Path(told["root"]), tuple(told["said"]), told["call"], told["error"], told["killed"]
                )
            if child.wait() != 0:
                raise RuntimeError(f"the child process of plan {mode} ended with {child.returncode}")
        finally:
            child.kill()
