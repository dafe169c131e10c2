"""What one run of a program costs: the time of the whole process, its processor time, its memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from peers.process import PeerFailed

Figure = Literal["wall", "cpu", "peak"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds from start to end, seconds of all processors, and bytes of memory at the most."""

    wall: float
    cpu: float
    peak: int

    def figure(self, which: Figure) -> float:
        """One of the three, by its name."""
        return {"wall": self.wall, "cpu": self.cpu, "peak": float(self.peak)}[which]


def measure(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Cost:
    """Run a program to its end, with its output in a file; children that it waits for count with it.

    Raises:
        PeerFailed: its exit code is not 0.
    """
    reading, writing = os.pipe()
    launch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py")), str(writing), *argv]
    with open(reading, "rb") as report, log.open("wb") as output:
        try:
            process = subprocess.Popen(
                launch, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                pass_fds=[writing],
            )  # fmt: skip
        finally:
            os.close(writing)
        answer = report.read()
        process.wait()
    code, cost = json.loads(answer) if answer else (process.returncode, {})
    if code != 0:
        said = log.read_text(encoding="utf-8", errors="replace")
        raise PeerFailed(f"{' '.join(argv)} ended with {code}:\n{said}")
    return Cost(**cost)


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
