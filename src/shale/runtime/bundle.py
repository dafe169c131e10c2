"""An OCI bundle for one container: everything looked up, files written, mounts made, `config.json` last.

    containers/ID/
      rootfs/         the container's root; its own mount namespace has it mounted there
      config.json     the runtime spec
      prepared.json   what `Prepared` says: for removal, and for whoever lists the container's changes
      hosts, hostname, resolv.conf
      volumes/        see `volumes`

Specification: runtime-spec bundle.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from shale.errors import Invalid
from shale.linux.durable import disk_errors, write_file
from shale.oci.config import Execution
from shale.oci.document import encode_document, read_document
from shale.runtime.capabilities import granted
from shale.runtime.devices import host_devices, look_up
from shale.runtime.etcfiles import hostname_file, hosts_file, resolver_file
from shale.runtime.firstprocess import arguments, environment, with_init, working_folder
from shale.runtime.host import Host
from shale.runtime.initprogram import INIT_PATH, find_init
from shale.runtime.inside import RUNTIME_FOLDERS, Kind, spot
from shale.runtime.mounting import Mounter
from shale.runtime.profile import PROFILE
from shale.runtime.seccomp import parse_profile, translate
from shale.runtime.spec import LateMount, Subject, make_spec
from shale.runtime.users import ContainerUser, InvalidUser, read_accounts, resolve_user
from shale.runtime.volumes import Volumes, volumes_of_image
from shale.runtime.wishes import DEFAULT_PIDS, Network, RunWishes

__all__ = ["BundleRequest", "InvalidFolder", "Prepared", "prepare_bundle", "read_prepared"]

_NAME_LENGTH: Final = 12
_MOST_CONFIGURATION: Final = 256 * 1024
"""Bytes of the host's /etc/hosts and /etc/resolv.conf."""
_MOST_PREPARED: Final = 16 * 1024 * 1024
_OPEN_BELOW: Final = ("/dev/shm", "/dev/mqueue", "/sys")  # noqa: S108 - in a container


class InvalidFolder(Invalid):
    """A container cannot begin in that folder."""


class Prepared(msgspec.Struct, frozen=True):
    """What was done for a container, for whoever comes later.

    Attributes:
        cgroup: path of its control group in every tree; empty where it has none.
        made: mount points that had to be made in its root, absolute: empty files and folders that are no
            change of the container's, as long as they are empty.
        notes: what could not be as it should, for a person.
    """

    cgroup: str = ""
    made: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class BundleRequest(msgspec.Struct, frozen=True):
    """One container that is to start.

    Attributes:
        container: its full id.
        folder: of the container; its root file system is mounted at `rootfs` in it.
        image: the execution parameters of its image.
        wishes: what was asked for.
        environ: where programs (`--init`) are found.
        fill: copies a tree into an empty folder, both by descriptor; for volumes.
    """

    container: str
    folder: Path
    image: Execution
    wishes: RunWishes
    environ: Mapping[str, str]
    fill: Callable[[int, int], None]


def prepare_bundle(request: BundleRequest, host: Host) -> Prepared:
    """Make a container ready for a runtime.

    Called in the mount namespace in which its root file system is mounted, and the runtime is started in the
    same. What is mounted goes with that namespace.

    Raises:
        ShaleError: a wish, or the image's config, cannot be fulfilled; each kind is told where it is raised.
    """
    folder = os.open(request.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        root = os.open("rootfs", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            return _Preparation(request, host, folder, root).run()
        finally:
            os.close(root)
    finally:
        os.close(folder)


def read_prepared(folder: int) -> Prepared:
    """What was prepared for a container; nothing where it never was.

    Args:
        folder: descriptor of the container's folder.

    Raises:
        InvalidDocument: somebody else wrote there.
    """
    try:
        file = os.open("prepared.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return Prepared()
    with open(file, "rb") as content:
        raw = content.read(_MOST_PREPARED + 1)
    return read_document(raw, Prepared, what="the container's prepared.json", limit=_MOST_PREPARED)


class _Preparation:
    def __init__(self, request: BundleRequest, host: Host, folder: int, root: int) -> None:
        self._request = request
        self._wishes = request.wishes
        self._image = request.image
        self._host = host
        self._folder = folder
        self._root = root
        self._placement = host.cgroups.place(f"shale-{request.container}", privileged=not host.is_user)
        # What an earlier start made is there now, and still no change of the container's.
        self._earlier = read_prepared(folder).made
        self._mounter = Mounter(root, Volumes(folder, request.fill).open)

    def run(self) -> Prepared:
        """Look up, mount, write."""
        args = arguments(self._image, self._wishes)
        user = self._user()
        hostname = self._hostname()
        # Known to those who clean up before anything is there to be cleaned up.
        self._note(Prepared(cgroup=self._placement.path, made=self._earlier))
        self._mounter.folders_of_the_runtime()
        self._own_files(hostname)
        volumes = volumes_of_image(self._image.volumes or (), self._wishes.mounts)
        self._mounter.all([*volumes, *self._wishes.mounts])
        if self._wishes.init:
            program = find_init(self._request.environ)
            self._mounter.late.append(LateMount(INIT_PATH, program, "bind", ("bind", "ro")))
            args = with_init(INIT_PATH, args)
        prepared = self._prepared()
        self._note(prepared)
        cwd = self._folder_to_begin_in()
        self._write(
            "config.json", encode_document(make_spec(self._subject(args, user, hostname, cwd), self._host))
        )
        return prepared

    def _user(self) -> ContainerUser:
        text = self._wishes.user if self._wishes.user is not None else self._image.user or ""
        user = resolve_user(text, self._wishes.groups, read_accounts(self._root))
        if user.uid not in self._host.users:
            raise InvalidUser(f"the user {user.uid} does not exist for you; {_few(self._host.users.largest)}")
        for group in user.groups:
            if group not in self._host.groups:
                raise InvalidUser(
                    f"the group {group} does not exist for you; {_few(self._host.groups.largest)}"
                )
        return user

    def _hostname(self) -> str:
        if self._wishes.hostname:
            return self._wishes.hostname
        if self._wishes.network == Network.HOST:
            return os.uname().nodename
        return self._request.container[:_NAME_LENGTH]

    def _own_files(self, hostname: str) -> None:
        """Write /etc/hosts and its like, and show them; a mount of the caller's there hides them."""
        files = {
            "hostname": hostname_file(hostname),
            "hosts": hosts_file(self._wishes, hostname, _configuration("/etc/hosts")),
            "resolv.conf": resolver_file(self._wishes, _configuration("/etc/resolv.conf")),
        }
        for name, text in files.items():
            self._write(name, text.encode("utf-8", "surrogateescape"), mode=0o644)
            file = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
            try:
                self._mounter.file(file, f"/etc/{name}", read_only=self._wishes.read_only)
            finally:
                os.close(file)

    def _folder_to_begin_in(self) -> str:
        """The working directory, made where it is missing; that is a change of the container's, as in docker.

        Never a place that only looks like a folder of the container: `/proc/self/fd/7` is whatever the
        runtime had open (CVE-2024-21626).
        """
        wanted = working_folder(self._image, self._wishes)
        top = wanted.split("/")[1].encode("utf-8", "surrogateescape")
        if top in RUNTIME_FOLDERS:
            if wanted.count("/") > 1 and not f"{wanted}/".startswith(tuple(f"{one}/" for one in _OPEN_BELOW)):
                raise InvalidFolder(f"a container cannot begin in {wanted[:200]}")
            return wanted
        with spot(self._root, os.fsencode(wanted), Kind.FOLDER) as place:
            return os.fsdecode(place.path)

    def _prepared(self) -> Prepared:
        # Nobody asked for the limit that every container has: it is no news that it cannot be held.
        note = "" if self._wishes.pids_limit in (None, DEFAULT_PIDS) else self._placement.note
        return Prepared(
            cgroup=self._placement.path,
            made=tuple(dict.fromkeys([*self._earlier, *map(os.fsdecode, self._mounter.made)])),
            notes=(note,) if note else (),
        )

    def _subject(self, args: list[str], user: ContainerUser, hostname: str, cwd: str) -> Subject:
        wishes = self._wishes
        capabilities = granted(
            wishes.cap_add, wishes.cap_drop, privileged=wishes.privileged, available=self._host.capabilities
        )
        return Subject(
            wishes=wishes,
            args=args,
            env=environment(self._image, wishes, home=user.home, hostname=hostname),
            cwd=cwd,
            user=user,
            hostname=hostname,
            capabilities=capabilities,
            seccomp=self._seccomp(capabilities),
            placement=self._placement,
            devices=[*(host_devices() if wishes.privileged else ()), *look_up(wishes.devices)],
            late_mounts=self._mounter.late,
        )

    def _seccomp(self, capabilities: frozenset[str]) -> dict[str, Any] | None:
        wish = self._wishes.seccomp
        if wish == "unconfined" or (wish is None and self._wishes.privileged):
            return None
        profile = PROFILE if wish is None else parse_profile(wish.encode("utf-8", "surrogateescape"))
        return translate(
            profile, architecture=self._host.architecture, capabilities=capabilities, kernel=self._host.kernel
        )

    def _note(self, prepared: Prepared) -> None:
        self._write("prepared.json", encode_document(prepared))

    def _write(self, name: str, content: bytes, *, mode: int = 0o600) -> None:
        with disk_errors(f"writing {name} of container {self._request.container[:_NAME_LENGTH]}"):
            write_file(self._folder, name, content, mode=mode, durable=False)


def _few(largest: int) -> str:
    if largest <= 0:
        return "you have no range of ids in /etc/subuid and /etc/subgid, so only root is there"
    return f"your ranges in /etc/subuid and /etc/subgid end at {largest}"


def _configuration(path: str) -> str:
    """A file of the host's configuration; empty where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(_MOST_CONFIGURATION).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
