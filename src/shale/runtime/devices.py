"""Devices of a container: what every container may use, and what was asked for.

Specification: runtime-spec config-linux.md, "Devices", "Allowed Device list". The nodes that every container
has (null, zero, full, random, urandom, tty, console, ptmx) are made by the runtime.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from shale.errors import Invalid, NotFound
from shale.runtime.wishes import DeviceWish

__all__ = ["Device", "DeviceMissing", "InvalidDevice", "default_rules", "host_devices", "look_up"]

_MOST: Final = 4096
_SKIPPED: Final = frozenset({"pts", "shm", "fd", "mqueue", "console", "ptmx", ".lxc", ".lxd-mounts", ".udev"})
"""In /dev: what the runtime makes anew in a container."""


class DeviceMissing(NotFound):
    """The host has no such device."""


class InvalidDevice(Invalid):
    """What was named as a device is none."""


class Device(msgspec.Struct, frozen=True):
    """One device node for a container.

    Attributes:
        path: in the container.
        kind: `c` or `b`.
        major: of its number.
        minor: of its number.
        mode: permissions.
        uid: owner, as this process sees it.
        gid: group, as this process sees it.
        permissions: what the container may do with it.
    """

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    permissions: str

    def node(self) -> dict[str, Any]:
        """For `linux.devices`."""
        return {
            "path": self.path, "type": self.kind, "major": self.major, "minor": self.minor,
            "fileMode": self.mode, "uid": self.uid, "gid": self.gid,
        }  # fmt: skip

    def rule(self) -> dict[str, Any]:
        """For `linux.resources.devices`."""
        return _rule(self.kind, self.major, self.minor, access=self.permissions)


def default_rules(*, every: bool) -> list[dict[str, Any]]:
    """What a container's devices cgroup allows.

    Args:
        every: whether all devices are allowed, as a privileged container has them.
    """
    if every:
        return [{"allow": True, "access": "rwm"}]
    # null, zero, full, random, urandom; tty, console, ptmx; the slaves of terminals.
    memory = [_rule("c", 1, minor) for minor in (3, 5, 7, 8, 9)]
    terminals = [_rule("c", 5, minor) for minor in (0, 1, 2)]
    return [{"allow": False, "access": "rwm"}, *memory, *terminals, _rule("c", 136, None)]


def _rule(kind: str, major: int, minor: int | None, *, access: str = "rwm") -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": True, "type": kind, "major": major, "access": access}
    if minor is not None:
        rule["minor"] = minor
    return rule


def look_up(wishes: Sequence[DeviceWish]) -> list[Device]:
    """The devices that were asked for; a folder stands for all in it.

    Raises:
        DeviceMissing: a path is not there.
        InvalidDevice: it is no device, or a folder without any, or not below /dev in the container.
    """
    return [device for wish in wishes for device in _wanted(wish)]


def _wanted(wish: DeviceWish) -> Iterator[Device]:
    if not wish.target.startswith("/dev/"):
        # Nodes elsewhere would be made in the container's changes, and stay there.
        raise InvalidDevice(
            f"the device {wish.source} can only be below /dev in a container, not at {wish.target}"
        )
    try:
        status = os.stat(wish.source)
    except OSError as error:
        raise DeviceMissing(f"the device {wish.source} cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        device = _device(status, wish.target, wish.permissions)
        if device is None:
            raise InvalidDevice(f"{wish.source} is not a device")
        yield device
        return
    found = list(_below(wish.source, wish.target, wish.permissions))
    if not found:
        raise InvalidDevice(f"there is no device in the folder {wish.source}")
    yield from found


def host_devices() -> list[Device]:
    """All devices of the host, for a privileged container."""
    return list(_below("/dev", "/dev", "rwm"))


def _below(folder: str, target: str, permissions: str) -> Iterator[Device]:
    left = _MOST
    for above, folders, names in os.walk(folder):
        if above == "/dev":
            folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in sorted(names):
            path = os.path.join(above, name)
            status = os.lstat(path)
            device = _device(status, target + path[len(folder) :], permissions)
            if device is None or (above == "/dev" and name in _SKIPPED):
                continue
            left -= 1
            if left < 0:
                return
            yield device


def _device(status: os.stat_result, path: str, permissions: str) -> Device | None:
    kind = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    number = status.st_rdev
    return Device(
        path, kind, os.major(number), os.minor(number), stat.S_IMODE(status.st_mode),
        status.st_uid, status.st_gid, permissions,
    )  # fmt: skip
