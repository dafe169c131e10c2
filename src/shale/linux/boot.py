"""Which boot and which process this is, so that another process can tell whether it still lives.

A process id alone is not enough: it is used again. Boot id, process id and start time together name one
process (proc(5), /proc/pid/stat field 22); the PID namespace says whether the id means anything to the reader.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

__all__ = ["ProcessIdentity", "boot_id", "boot_time", "current_process", "is_alive", "process_of"]


class ProcessIdentity(msgspec.Struct, frozen=True):
    """One process, for as long as the machine's history lasts.

    Attributes:
        boot: the kernel's boot id.
        namespace: inode of the PID namespace in which `pid` counts.
        pid: the process id.
        started: the start time, in clock ticks since boot.
    """

    boot: str
    namespace: int
    pid: int
    started: int

    @property
    def seconds(self) -> float:
        """The start time in seconds since boot."""
        return self.started / os.sysconf("SC_CLK_TCK")


def boot_id() -> str:
    """The id of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def boot_time() -> float:
    """When the machine booted, in seconds since the epoch, as its clock says now."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def current_process() -> ProcessIdentity:
    """The identity of this process."""
    return process_of(os.getpid())


def process_of(pid: int) -> ProcessIdentity:
    """The identity of a process that runs now.

    Args:
        pid: its id in this PID namespace.

    Raises:
        ProcessLookupError: there is none, or it has ended.
    """
    try:
        return ProcessIdentity(boot_id(), _namespace(), pid, _start_time(pid))
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None


def is_alive(process: ProcessIdentity) -> bool | None:
    """Whether that process still runs; None where this cannot be known (another PID namespace)."""
    if process.boot != boot_id():
        return False
    if process.namespace != _namespace():
        return None
    try:
        return _start_time(process.pid) == process.started
    except (FileNotFoundError, ProcessLookupError):
        return False


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _start_time(pid: int) -> int:
    # The second field is the command in parentheses and may hold anything: count from the last ')'.
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        raise ProcessLookupError(pid)
    return int(fields[19])
