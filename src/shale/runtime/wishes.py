"""What a caller may ask of a container: `RunWishes`, and the small values in it.

Kept as JSON with the container (`containers.spec`, docs/formats.md), so a field that is new has a default, and
one that is gone is skipped when an old container is read. What was not asked for is not in the JSON.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from shale.oci.document import encode_document, read_document

__all__ = [
    "DEFAULT_PIDS",
    "DEFAULT_SHM",
    "BindMount",
    "DeviceWish",
    "MountWish",
    "Network",
    "Propagation",
    "ResourceLimit",
    "RunWishes",
    "TmpfsMount",
    "VolumeMount",
    "decode_wishes",
    "encode_wishes",
]

DEFAULT_PIDS: Final = 2048
"""Processes and threads in a container, as podman limits them."""
DEFAULT_SHM: Final = 64 * 1024 * 1024
"""Bytes of /dev/shm, as docker and podman make it."""


class Network(StrEnum):
    """Which network a container sees."""

    NONE = "none"
    """A namespace of its own with nothing but loopback."""
    HOST = "host"
    """The host's own, abstract sockets included."""


class Propagation(StrEnum):
    """Whether mounts below a bind mount reach the container later (mount_namespaces(7)).

    The other way, from the container to the host, is not offered: its mounts are gone with it for certain.
    """

    PRIVATE = "private"
    RPRIVATE = "rprivate"
    SLAVE = "slave"
    RSLAVE = "rslave"


class BindMount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="bind"):
    """A file or folder of the host, seen in the container.

    Attributes:
        source: absolute path on the host.
        target: absolute path in the container.
        read_only: also for mounts below it, where the kernel can.
        recursive: whether mounts below the source come too.
        propagation: of later mounts.
        create: whether a missing source is made as a folder (`-v` does, `--mount` does not).
    """

    source: str
    target: str
    read_only: bool = False
    recursive: bool = True
    propagation: Propagation = Propagation.RPRIVATE
    create: bool = False


class TmpfsMount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="tmpfs"):
    """Memory as a folder, empty at each start.

    Attributes:
        target: absolute path in the container.
        size: bytes at most; None for half of the memory.
        mode: permissions of its root.
        options: further mount options, already checked (`exec`, `uid=1000`).
        read_only: whether nothing may be written.
    """

    target: str
    size: int | None = None
    mode: int = 0o1777
    options: tuple[str, ...] = ()
    read_only: bool = False


class VolumeMount(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="volume"
):
    """A folder of the container's own, filled at first with what the image has there, gone with the container.

    Attributes:
        target: absolute path in the container.
        read_only: whether the container may not write to it.
        copy: whether the image's content is copied into it.
    """

    target: str
    read_only: bool = False
    copy: bool = True


MountWish = BindMount | TmpfsMount | VolumeMount


class DeviceWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device of the host, in the container.

    Attributes:
        source: absolute path on the host; a folder stands for all devices in it.
        target: absolute path in the container.
        permissions: of `r`, `w` and `m` (making nodes).
    """

    source: str
    target: str
    permissions: str = "rwm"


class ResourceLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of setrlimit(2) for the first process; -1 is no limit.

    Attributes:
        name: lower case without prefix: `nofile`.
        soft: what holds.
        hard: how far the process may raise it.
    """

    name: str
    soft: int
    hard: int


class RunWishes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that `run` and `create` can ask for; what is not asked for is as the image says, or safe.

    Attributes:
        args: what stands after the image's name; replaces the image's Cmd.
        entrypoint: replaces the image's Entrypoint and drops its Cmd; an empty one is no entrypoint.
        env: `NAME=value`, in order; after the image's, the last of a name counts. A bare `NAME` takes the
            variable of the image away.
        user: `user`, `uid`, `user:group`, ...; None for the image's.
        groups: further groups of the first process, by name or number.
        workdir: absolute path in the container; None for the image's. Made where it is missing.
        hostname: None for the first 12 digits of the container's id (the host's own with the host's network).
        domainname: of the UTS namespace.
        labels: of the container; for lists and filters, they never reach the runtime.
        mounts: binds, tmpfs and volumes, beyond those that the image's config asks for.
        devices: of the host.
        read_only: whether the root file system cannot be written.
        network: what the container sees.
        extra_hosts: (name, address) for /etc/hosts; the address `host-gateway` is refused where there is none.
        dns: addresses of name servers; none for the host's.
        dns_search: domains to search; none for the host's.
        dns_options: options of resolv.conf; none for the host's.
        cap_add: capabilities beyond the default, `CAP_` may be missing; `ALL`.
        cap_drop: capabilities to leave out; `ALL`. What is added by name stays.
        privileged: all capabilities, all devices, no seccomp, nothing masked.
        no_new_privileges: whether setuid programs and file capabilities have no effect; None for yes, but no
            where it is privileged.
        seccomp: None for shale's profile, `unconfined`, or the text of a profile (docker's JSON).
        init: whether a small init is the first process, which reaps and passes signals on.
        tty: whether the first process has a terminal.
        interactive: whether its standard input is kept open; otherwise it reads end of file.
        stop_signal: name or number; None for the image's, or SIGTERM.
        pids_limit: processes and threads; None for no limit.
        ulimits: limits of the first process.
        shm_size: bytes of /dev/shm.
    """

    args: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    env: tuple[str, ...] = ()
    user: str | None = None
    groups: tuple[str, ...] = ()
    workdir: str | None = None
    hostname: str | None = None
    domainname: str | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    mounts: tuple[MountWish, ...] = ()
    devices: tuple[DeviceWish, ...] = ()
    read_only: bool = False
    network: Network = Network.NONE
    extra_hosts: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    privileged: bool = False
    no_new_privileges: bool | None = None
    seccomp: str | None = None
    init: bool = False
    tty: bool = False
    interactive: bool = False
    stop_signal: str | None = None
    pids_limit: int | None = DEFAULT_PIDS
    ulimits: tuple[ResourceLimit, ...] = ()
    shm_size: int = DEFAULT_SHM


def encode_wishes(wishes: RunWishes) -> str:
    """The JSON that is kept with a container.

    Raises:
        InvalidDocument: a text in it is not UTF-8.
    """
    return encode_document(wishes).decode()


def decode_wishes(text: str) -> RunWishes:
    """Read what `encode_wishes` wrote.

    Raises:
        InvalidDocument: it is something else.
    """
    return read_document(text.encode(), RunWishes, what="the container's wishes", limit=_MOST)


_MOST: Final = 64 * 1024 * 1024
"""Bytes; an environment and a command line are a few MiB at most (execve(2))."""
