"""Everything about one container, as `docker inspect` prints it; what means nothing here is left out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shale.container.listing import ContainerSummary
from shale.container.states import State
from shale.runtime.wishes import BindMount, MountWish, RunWishes, TmpfsMount, decode_wishes

__all__ = ["inspect_container"]


def inspect_container(summary: ContainerSummary, folder: Path, size: int | None = None) -> dict[str, Any]:
    """A container as JSON values, in docker's order of fields.

    Args:
        summary: the container.
        folder: where its files are.
        size: bytes that it has changed; None to leave sizes out.
    """
    record = summary.record
    path, *arguments = record.spec.command
    wishes = decode_wishes(record.spec.wishes)
    shown: dict[str, Any] = {
        "Id": record.id,
        "Created": _time(record.created),
        "Path": path,
        "Args": arguments,
        "State": _state(summary),
        "Image": summary.image_id,
        "Name": f"/{record.name}",
        "Driver": "overlay",
        "Platform": summary.platform.partition("/")[0] or "linux",
        "HostConfig": _host_config(wishes, remove=record.spec.remove),
        "GraphDriver": {
            "Data": {
                "MergedDir": str(folder / "rootfs"),
                "UpperDir": str(folder / "upper"),
                "WorkDir": str(folder / "work"),
            },
            "Name": "overlay",
        },
    }
    if size is not None:
        shown["SizeRw"] = size
        shown["SizeRootFs"] = size + summary.image_size
    shown["Mounts"] = [_mount(one) for one in wishes.mounts]
    shown["Config"] = dict(record.spec.config)
    shown["NetworkSettings"] = {"Networks": {wishes.network.value: {}}}
    shown["ImageManifestDescriptor"] = {"digest": str(record.manifest)}
    return shown


def _state(summary: ContainerSummary) -> dict[str, Any]:
    record = summary.record
    running = record.state is State.RUNNING
    return {
        "Status": record.state.value,
        "Running": running,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": record.process.pid if running and record.process is not None else 0,
        "ExitCode": record.exit_code or 0,
        "Error": record.failure or "",
        "StartedAt": _time(record.started),
        "FinishedAt": _time(record.finished),
    }


def _host_config(wishes: RunWishes, *, remove: bool) -> dict[str, Any]:
    tmpfs = {one.target: ",".join(one.options) for one in wishes.mounts if isinstance(one, TmpfsMount)}
    return {
        "Binds": [_bind(one) for one in wishes.mounts if isinstance(one, BindMount)],
        "NetworkMode": wishes.network.value,
        "AutoRemove": remove,
        "CapAdd": list(wishes.cap_add),
        "CapDrop": list(wishes.cap_drop),
        "Dns": list(wishes.dns),
        "DnsOptions": list(wishes.dns_options),
        "DnsSearch": list(wishes.dns_search),
        "ExtraHosts": [f"{name}:{address}" for name, address in wishes.extra_hosts],
        "GroupAdd": list(wishes.groups),
        "Privileged": wishes.privileged,
        "ReadonlyRootfs": wishes.read_only,
        "ShmSize": wishes.shm_size,
        "Tmpfs": tmpfs,
        "Init": wishes.init,
        "PidsLimit": wishes.pids_limit,
        "Ulimits": [{"Name": one.name, "Soft": one.soft, "Hard": one.hard} for one in wishes.ulimits],
        "Devices": [
            {"PathOnHost": one.source, "PathInContainer": one.target, "CgroupPermissions": one.permissions}
            for one in wishes.devices
        ],
    }


def _bind(mount: BindMount) -> str:
    return f"{mount.source}:{mount.target}" + (":ro" if mount.read_only else "")


def _mount(mount: MountWish) -> dict[str, Any]:
    shown: dict[str, Any] = {"Type": "volume", "Source": "", "Destination": mount.target, "Mode": ""}
    if isinstance(mount, BindMount):
        shown |= {"Type": "bind", "Source": mount.source, "Propagation": mount.propagation.value}
    elif isinstance(mount, TmpfsMount):
        shown |= {"Type": "tmpfs", "Mode": ",".join(mount.options)}
    return {**shown, "RW": not mount.read_only}


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "0001-01-01T00:00:00Z"
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
