"""What one run of a program costs: the time of the whole process, its processor time, its memory."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers.process import PeerFailed


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds from start to end, seconds of all processors, and bytes of memory at the most."""

    wall: float
    cpu: float
    peak: int


def measure(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Cost:
    """Run a program to its end, with its output in a file; children that it waits for count with it.

    Raises:
        PeerFailed: its exit code is not 0.
    """
    with log.open("wb") as output:
        begun = time.perf_counter()
        process = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    # The process is reaped: Popen must not wait for that number, which may be another's by now.
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        said = log.read_text(encoding="utf-8", errors="replace")
        raise PeerFailed(f"{' '.join(argv)} ended with {process.returncode}:\n{said}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def cpu_so_far(pid: int) -> float:
    """Seconds of processor time that a living process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_so_far(pid: int) -> int:
    """Bytes of memory that a living process has had at the most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    if found is None:
        raise PeerFailed(f"process {pid} has no memory: it has ended")
    return int(found[1]) * 1024
