"""What a container's spec has to know of the machine and of this process's place on it.

A value, so that specs are made from it without looking at the machine again, and tests make others.
"""

from __future__ import annotations

import glob
import os
import re
import resource
from pathlib import Path
from typing import Final

import msgspec

from shale.linux.cgroup import Cgroups, read_cgroups
from shale.linux.idmap import IdTable, read_tables
from shale.oci.architecture import machine_architecture
from shale.runtime.capabilities import from_mask

__all__ = ["Host", "examine_host"]

_BOUNDING: Final = re.compile(r"^CapBnd:\s*([0-9a-f]+)$", re.MULTILINE)
_VERSION: Final = re.compile(r"([0-9]+)\.([0-9]+)")
_SYSCTLS: Final = ("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start")


class Host(msgspec.Struct, frozen=True):
    """The machine, from where this process stands.

    Attributes:
        architecture: in Go's word.
        kernel: version.
        capabilities: that this process can hand on (its bounding set).
        users: ids of users that a container can have.
        groups: ids of groups.
        cgroups: the trees of control groups.
        open_files: the most that a process here may open, its hard limit.
        sysctls: those of ours that this kernel has.
        drops_groups: whether a process here may change its supplementary groups (setgroups(2)).
        throttles: files that tell how hot the processors get, which tells what runs beside.
    """

    architecture: str
    kernel: tuple[int, int]
    capabilities: frozenset[str]
    users: IdTable
    groups: IdTable
    cgroups: Cgroups
    open_files: int
    sysctls: frozenset[str] = msgspec.field(default=frozenset(_SYSCTLS))
    drops_groups: bool = True
    throttles: tuple[str, ...] = ()

    @property
    def is_user(self) -> bool:
        """Whether this process is in a user namespace: no device nodes, no limits but delegated ones."""
        return not self.users.is_everything


def examine_host() -> Host:
    """Look at this machine and at this thread."""
    machine = os.uname()
    version = _VERSION.match(machine.release)
    bounding = _BOUNDING.search(Path("/proc/thread-self/status").read_text(encoding="ascii", errors="replace"))
    users, groups = read_tables()
    return Host(
        architecture=machine_architecture(machine.machine)[0],
        kernel=(int(version[1]), int(version[2])) if version else (0, 0),
        capabilities=from_mask(int(bounding[1], 16) if bounding else 0),
        users=users,
        groups=groups,
        cgroups=read_cgroups(),
        open_files=_finite(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        sysctls=frozenset(name for name in _SYSCTLS if Path("/proc/sys", *name.split(".")).exists()),
        drops_groups=_drops_groups(),
        throttles=tuple(sorted(glob.glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle"))),
    )


def _finite(limit: int) -> int:
    return 2**63 - 1 if limit == resource.RLIM_INFINITY else limit


def _drops_groups() -> bool:
    try:
        return Path("/proc/self/setgroups").read_text(encoding="ascii").strip() != "deny"
    except FileNotFoundError:
        return True
