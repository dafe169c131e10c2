"""Capabilities of a container's first process: which ones, and in which sets.

The default is podman's. It leaves out of docker's what a container rarely needs and attacks like: making
device nodes, raw packets, writing the audit log. Inheritable and ambient sets stay empty, so that a program
without file capabilities that is not run by root has none (CVE-2022-24769, CVE-2022-29162).

Specification: capabilities(7); runtime-spec config.md, "Linux Process".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from shale.errors import Invalid, Unsupported

__all__ = [
    "ALL",
    "DEFAULT",
    "CapabilityMissing",
    "InvalidCapability",
    "capability_sets",
    "from_mask",
    "granted",
]

ALL: Final = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
    "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE",
    "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN",
    "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
"""By number, from 0 (linux/capability.h)."""

DEFAULT: Final = frozenset({
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
})  # fmt: skip


class InvalidCapability(Invalid):
    """A text is not the name of a capability."""


class CapabilityMissing(Unsupported):
    """A capability was asked for by name that this process itself may not have."""


def from_mask(mask: int) -> frozenset[str]:
    """The capabilities in a set as /proc/PID/status shows it; those that are newer than this table are left."""
    return frozenset(name for number, name in enumerate(ALL) if mask >> number & 1)


def granted(
    add: Sequence[str], drop: Sequence[str], *, privileged: bool, available: frozenset[str]
) -> frozenset[str]:
    """What a container gets.

    `ALL` in a list stands for all; a name in the other list then is an exception from it.

    Args:
        add: names beyond the default, with or without `CAP_`, in any case.
        drop: names to leave out.
        privileged: whether to begin with all.
        available: what this process can hand on: its bounding set.

    Raises:
        InvalidCapability: no such name, or one that is both added and dropped.
        CapabilityMissing: one that was added by name is not available.
    """
    added, dropped = _named(add), _named(drop)
    if both := sorted(added & dropped - {"ALL"}):
        raise InvalidCapability(f"{both[0]} cannot be both added and dropped")
    begin = available if privileged or "ALL" in added else DEFAULT & available
    if "ALL" in dropped:
        begin = frozenset() if "ALL" not in added else begin
    wanted = added - {"ALL"}
    if missing := sorted(wanted - available):
        raise CapabilityMissing(f"{missing[0]} cannot be given to a container: this process may not have it")
    return (begin - dropped) | wanted


def _named(names: Iterable[str]) -> frozenset[str]:
    return frozenset(_name(name) for name in names)


def _name(text: str) -> str:
    upper = text.upper()
    if upper in ("ALL", "CAP_ALL"):
        return "ALL"
    name = upper if upper.startswith("CAP_") else f"CAP_{upper}"
    if name not in ALL:
        raise InvalidCapability(f"{text[:60]!r} is not the name of a capability, as NET_ADMIN")
    return name


def capability_sets(names: frozenset[str]) -> dict[str, list[str]]:
    """`process.capabilities` of a runtime spec.

    The runtime clears permitted and effective when it becomes a user other than root; what is left then comes
    from setuid programs and file capabilities, within the bounding set.
    """
    ordered: list[str] = [name for name in ALL if name in names]
    return {"bounding": ordered, "effective": ordered, "permitted": ordered, "inheritable": [], "ambient": []}
