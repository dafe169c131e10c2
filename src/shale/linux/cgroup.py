"""Control groups: which there are, where a container may have one, and removing what is left of it.

Version 1 has a tree for each controller, version 2 one tree for all, and a hybrid machine both, with the
controllers in the trees of version 1. A user may use what was delegated: in version 2 the folders of the tree
that belong to the user, in version 1 nothing.

Specification: cgroups(7), the kernel's admin-guide/cgroup-v2, "Delegation".
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from shale.errors import Conflict

__all__ = [
    "CgroupBusy",
    "CgroupMode",
    "Cgroups",
    "Hierarchy",
    "Placement",
    "parse_cgroups",
    "read_cgroups",
    "remove_cgroup",
]

_ATTEMPTS: Final = 100
_PAUSE: Final = 0.02
_UNIFIED: Final = "cgroup2"


class CgroupBusy(Conflict):
    """Processes in a control group do not end although they were killed."""


class CgroupMode(StrEnum):
    """What a machine has."""

    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"
    NONE = "none"


class Hierarchy(msgspec.Struct, frozen=True):
    """One tree.

    Attributes:
        mount: where it is.
        controllers: that are bound to it in version 1; empty in version 2.
        unified: whether it is of version 2.
        own: the path of this process's group in it, from the mount, absolute.
    """

    mount: str
    controllers: frozenset[str]
    unified: bool
    own: str


class Placement(msgspec.Struct, frozen=True):
    """Where a container's group is.

    Attributes:
        path: from the root of each tree, absolute; empty where none can be made.
        controllers: that limits can be set of.
        note: why there are none, for a person; empty where there are.
    """

    path: str
    controllers: frozenset[str]
    note: str = ""


class Cgroups(msgspec.Struct, frozen=True):
    """The trees of this machine, as this process sees them."""

    hierarchies: tuple[Hierarchy, ...]

    @property
    def mode(self) -> CgroupMode:
        """What the machine has."""
        unified = any(one.unified for one in self.hierarchies)
        controlled = any(one.controllers for one in self.hierarchies)
        if unified:
            return CgroupMode.HYBRID if controlled else CgroupMode.V2
        return CgroupMode.V1 if self.hierarchies else CgroupMode.NONE

    def place(self, name: str, *, privileged: bool) -> Placement:
        """Where a group of that name can be; nothing is made.

        Args:
            name: one component.
            privileged: whether this process is root outside of any user namespace.
        """
        if self.mode is CgroupMode.NONE:
            return Placement("", frozenset(), "no control groups are mounted")
        if privileged:
            return Placement(f"/{name}", self._all_controllers())
        if self.mode is not CgroupMode.V2:
            return Placement("", frozenset(), f"a user cannot limit resources with control groups {self.mode}")
        return _delegated(self.hierarchies[0], name)

    def _all_controllers(self) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for one in self.hierarchies:
            found |= _words(one.mount, "/", "cgroup.controllers") if one.unified else one.controllers
        return found


def _delegated(tree: Hierarchy, name: str) -> Placement:
    """Below the highest group above ours that belongs to us: where processes are, children get no limits."""
    base = ""
    path = tree.own
    while path not in ("", "/") and _is_ours(tree.mount + path):
        base, path = path, os.path.dirname(path)
    if not base:
        return Placement("", frozenset(), "no control group was delegated to this user")
    busy = _words(tree.mount, base, "cgroup.procs")
    controllers = _words(tree.mount, base, "cgroup.subtree_control" if busy else "cgroup.controllers")
    note = (
        ""
        if "pids" in controllers
        else "the control group that was delegated to this user has no limit of pids"
    )
    return Placement(f"{base}/{name}", controllers, note)


def _is_ours(folder: str) -> bool:
    return all(os.access(path, os.W_OK) for path in (folder, f"{folder}/cgroup.procs"))


def _words(mount: str, path: str, name: str) -> frozenset[str]:
    try:
        return frozenset(Path(f"{mount}/{path}/{name}").read_text(encoding="ascii").split())
    except OSError:
        return frozenset()


def read_cgroups() -> Cgroups:
    """The trees that are mounted, as this thread sees them: it may be in a mount namespace of its own."""
    mountinfo, membership = (
        Path("/proc/thread-self", name).read_text(encoding="utf-8", errors="surrogateescape")
        for name in ("mountinfo", "cgroup")
    )
    found = parse_cgroups(mountinfo, membership)
    # What something else was mounted over is in the list still, and cannot be reached.
    return Cgroups(tuple(one for one in found.hierarchies if os.path.isdir(one.mount)))


def parse_cgroups(mountinfo: str, membership: str) -> Cgroups:
    """Read the trees from `mountinfo` (proc_pid_mountinfo(5)) and `cgroup` of /proc/PID."""
    owns = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        owns[frozenset(controllers.split(",")) - {""}] = path
    hierarchies: dict[str, Hierarchy] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind not in ("cgroup", _UNIFIED):
            continue
        mount = before.split(" ")[4]
        unified = kind == _UNIFIED
        bound = frozenset() if unified else _bound(options, owns)
        hierarchies.setdefault(mount, Hierarchy(mount, bound, unified, owns.get(bound, "/")))
    return Cgroups(tuple(hierarchies.values()))


def _bound(options: str, owns: dict[frozenset[str], str]) -> frozenset[str]:
    """The controllers of a tree of version 1: those words of its options that the membership knows."""
    words = frozenset(options.split(","))
    return next((names for names in owns if names and names <= words), frozenset())


def remove_cgroup(cgroups: Cgroups, path: str) -> None:
    """Kill what runs in a group, and remove it from all trees; a missing one is fine.

    Args:
        cgroups: the trees.
        path: as `Placement.path`, of a group that only ever was ours; an empty one is no group.

    Raises:
        CgroupBusy: its processes do not end.
    """
    if not path.strip("/"):
        return
    for tree in cgroups.hierarchies:
        folder = tree.mount + path
        for _ in range(_ATTEMPTS):
            if not os.path.isdir(folder):
                break
            _kill_all(folder)
            _remove_folders(folder)
            if os.path.isdir(folder):
                time.sleep(_PAUSE)
        else:
            raise CgroupBusy(f"the processes in the control group {folder} do not end")


def _remove_folders(folder: str) -> None:
    for child in [folder, *_below(folder)][::-1]:
        with suppress(OSError):  # busy as long as a process in it is not gone
            os.rmdir(child)


def _below(folder: str) -> Iterator[str]:
    for above, names, _ in os.walk(folder):
        yield from (os.path.join(above, name) for name in names)


def _kill_all(folder: str) -> None:
    try:
        # One write kills all at once, those that fork meanwhile too (Linux 5.14, version 2).
        Path(folder, "cgroup.kill").write_text("1", encoding="ascii")
    except OSError:
        for group in [folder, *_below(folder)]:
            _kill_members(group)


def _kill_members(folder: str) -> None:
    for pid in _members(folder):
        with suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            try:
                # The number may be another process's by now; the descriptor is of one, so look once more.
                if pid in _members(folder):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
            finally:
                os.close(process)


def _members(folder: str) -> Sequence[int]:
    try:
        return [int(line) for line in Path(folder, "cgroup.procs").read_bytes().split()]
    except OSError:
        return ()
