"""Runs one program and writes what it cost, as JSON, to the descriptor given: a program with little memory.

Linux counts the memory of the process that forked into the peak of the one that was forked, so the benchmark
itself, which may have grown, must not start what it measures. Run it with `python -I -S`.
"""

import json
import os
import sys
import time


def main() -> None:
    report = int(sys.argv[1])
    os.set_inheritable(report, False)  # noqa: FBT003 - it has no name
    begun = time.perf_counter()
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    cost = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}
    os.write(report, json.dumps([os.waitstatus_to_exitcode(status), cost]).encode())


main()
