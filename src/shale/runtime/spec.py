"""The OCI runtime spec of a container (`config.json`): safe unless the caller asked for something by name.

Pure: what was found out before comes in as `Subject` and `Host`. Nothing of an image's labels gets into it, no
hooks, no annotations. Mounts of files and folders are no part of it, but for those below /dev, /proc and /sys:
they are made before the runtime starts, on descriptors (`mounting`).

Specification: runtime-spec config.md, config-linux.md.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from shale.linux.cgroup import CgroupMode, Placement
from shale.runtime.capabilities import capability_sets
from shale.runtime.devices import Device, default_rules
from shale.runtime.host import Host
from shale.runtime.users import ContainerUser
from shale.runtime.wishes import Network, RunWishes

__all__ = ["LateMount", "Subject", "make_spec"]

_VERSION: Final = "1.0.2"
_UMASK: Final = 0o022
"""The container's, whatever the caller's shell has."""
_SOFT_FILES: Final = 1024
_HARD_FILES: Final = 524_288
_TTY_GROUP: Final = 5
"""Of devpts: what Linux systems call `tty`."""
_QUIET: Final = ["nosuid", "noexec", "nodev"]

_MASKED: Final = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware", "/sys/fs/selinux",
)  # fmt: skip
_READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class LateMount(msgspec.Struct, frozen=True):
    """A bind or tmpfs below a folder that the runtime mounts itself.

    Attributes:
        destination: in the container.
        source: on the host, or `tmpfs`.
        kind: `bind` or `tmpfs`.
        options: of the runtime spec.
    """

    destination: str
    source: str
    kind: str
    options: tuple[str, ...]


class Subject(msgspec.Struct, frozen=True):
    """One container, with everything looked up.

    Attributes:
        wishes: what was asked for.
        args: what runs.
        env: its variables.
        cwd: where it begins, without symbolic links.
        user: who it is.
        hostname: of its UTS namespace.
        capabilities: that it gets.
        seccomp: its filter; None for none.
        placement: of its control group.
        devices: beyond the default.
        late_mounts: below folders of the runtime.
    """

    wishes: RunWishes
    args: list[str]
    env: list[str]
    cwd: str
    user: ContainerUser
    hostname: str
    capabilities: frozenset[str]
    seccomp: dict[str, Any] | None
    placement: Placement
    devices: list[Device] = msgspec.field(default_factory=list)
    late_mounts: list[LateMount] = msgspec.field(default_factory=list)


def make_spec(subject: Subject, host: Host) -> dict[str, Any]:
    """The document, with `rootfs` beside it as the root."""
    return {
        "ociVersion": _VERSION,
        "process": _process(subject, host),
        "root": {"path": "rootfs", "readonly": subject.wishes.read_only},
        "hostname": subject.hostname,
        "mounts": [*_mounts(subject.wishes, host), *map(_late, subject.late_mounts)],
        "linux": _linux(subject, host),
    }


def _process(subject: Subject, host: Host) -> dict[str, Any]:
    wishes, user = subject.wishes, subject.user
    identity: dict[str, Any] = {"uid": user.uid, "gid": user.gid, "umask": _UMASK}
    if host.drops_groups:
        identity["additionalGids"] = list(user.groups)
    unlocked = wishes.no_new_privileges is None and wishes.privileged
    return {
        "terminal": wishes.tty,
        "user": identity,
        "args": subject.args,
        "env": subject.env,
        "cwd": subject.cwd,
        "capabilities": capability_sets(subject.capabilities),
        "rlimits": _limits(wishes, host),
        "noNewPrivileges": wishes.no_new_privileges is not False and not unlocked,
    }


def _limits(wishes: RunWishes, host: Host) -> list[dict[str, Any]]:
    files = min(_HARD_FILES, host.open_files)
    limits = {"nofile": (min(_SOFT_FILES, files), files), "core": (0, 0)}
    limits |= {one.name: (one.soft, one.hard) for one in wishes.ulimits}
    return [
        {"type": f"RLIMIT_{name.upper()}", "soft": soft % 2**64, "hard": hard % 2**64}
        for name, (soft, hard) in limits.items()
    ]


def _mounts(wishes: RunWishes, host: Host) -> list[dict[str, Any]]:
    access = [] if wishes.privileged else ["ro"]
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if _TTY_GROUP in host.groups:
        terminals.append(f"gid={_TTY_GROUP}")
    mounts = [
        _mount("/proc", "proc", _QUIET),
        _mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", terminals),
        _mount("/dev/shm", "tmpfs", [*_QUIET, "mode=1777", f"size={wishes.shm_size}"], source="shm"),  # noqa: S108 - in a container
        _mount("/dev/mqueue", "mqueue", _QUIET),
    ]
    if _sees_host_sysfs(wishes, host):
        # The kernel lets a user namespace mount sysfs only where it owns the network namespace.
        mounts.append(_mount("/sys", "bind", ["rbind", *_QUIET, "ro", "rro"], source="/sys"))
    else:
        mounts.append(_mount("/sys", "sysfs", [*_QUIET, *access]))
    if _has_cgroup_mount(host):
        mounts.append(_mount("/sys/fs/cgroup", "cgroup", [*_QUIET, "relatime", *access]))
    return mounts


def _mount(destination: str, kind: str, options: list[str], *, source: str = "") -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source or kind, "options": options}


def _late(mount: LateMount) -> dict[str, Any]:
    return _mount(mount.destination, mount.kind, list(mount.options), source=mount.source)


def _sees_host_sysfs(wishes: RunWishes, host: Host) -> bool:
    return host.is_user and wishes.network == Network.HOST


def _has_cgroup_mount(host: Host) -> bool:
    return host.cgroups.mode is CgroupMode.V2 or not (host.is_user or host.cgroups.mode is CgroupMode.NONE)


def _linux(subject: Subject, host: Host) -> dict[str, Any]:
    wishes = subject.wishes
    kinds = ["pid", "ipc", "uts", "mount", "cgroup"]
    if wishes.network != Network.HOST:
        kinds.append("network")
    document: dict[str, Any] = {
        "namespaces": [{"type": kind} for kind in kinds],
        "devices": [device.node() for device in subject.devices],
        "resources": _resources(subject, host),
        "sysctl": _sysctls(wishes, host),
        "maskedPaths": [] if wishes.privileged else _masked(wishes, host),
        "readonlyPaths": [] if wishes.privileged else _read_only(host),
    }
    if subject.placement.path:
        document["cgroupsPath"] = subject.placement.path
    if subject.seccomp is not None:
        document["seccomp"] = subject.seccomp
    return document


def _resources(subject: Subject, host: Host) -> dict[str, Any]:
    wishes, resources = subject.wishes, dict[str, Any]()
    if not host.is_user:
        rules = default_rules(every=wishes.privileged)
        resources["devices"] = rules + [device.rule() for device in subject.devices]
    if wishes.pids_limit is not None and "pids" in subject.placement.controllers:
        resources["pids"] = {"limit": wishes.pids_limit}
    return resources


def _sysctls(wishes: RunWishes, host: Host) -> dict[str, str]:
    """In a network of its own everybody may ping and listen on port 80: the default capabilities lack both."""
    values = {}
    if wishes.network != Network.HOST:
        ours = {
            "net.ipv4.ping_group_range": f"0 {min(host.groups.largest, 2**31 - 1)}",
            "net.ipv4.ip_unprivileged_port_start": "0",
        }
        values = {name: value for name, value in ours.items() if name in host.sysctls}
    if wishes.domainname:
        values["kernel.domainname"] = wishes.domainname
    return values


def _read_only(host: Host) -> list[str]:
    # Where there are several trees, the folder that holds them is memory that the runtime leaves writable.
    several = _has_cgroup_mount(host) and host.cgroups.mode is not CgroupMode.V2
    return [*_READ_ONLY, "/sys/fs/cgroup"] if several else list(_READ_ONLY)


def _masked(wishes: RunWishes, host: Host) -> list[str]:
    masked = [*_MASKED, *host.throttles]
    if _sees_host_sysfs(wishes, host):
        masked.append("/sys/kernel")
        if not _has_cgroup_mount(host):
            masked.append("/sys/fs/cgroup")
    return masked
