"""podman with a private store, private configuration and private locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from peers.ground import Ground
from peers.process import Outcome, run, tool

# Locks in shared memory would be shared with the machine's own podman, hence files.
# Low limits: those that podman wishes for are refused where root lacks CAP_SYS_RESOURCE.
# runc, because crun 1.8 refuses cgroups in hybrid mode.
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
tmp_dir = "{folder}/tmp"
static_dir = "{folder}/static"
volume_path = "{folder}/volumes"
lock_type = "file"
events_logger = "file"
cgroup_manager = "cgroupfs"
"""

REGISTRIES_CONF = """\
short-name-mode = "disabled"
unqualified-search-registries = []
[[registry]]
location = "127.0.0.1"
insecure = true
"""


@dataclass(frozen=True, slots=True)
class Podman:
    """The podman command on a store of its own."""

    env: MappingProxyType[str, str]
    store: tuple[str, ...]

    def __call__(
        self, *args: str, stdin: str | None = None, timeout: float = 300, check: bool = True
    ) -> Outcome:
        """`podman ARGS` on this store; `timeout` in seconds. Loopback registries need no option."""
        command = [tool("podman", "podman"), *self.store, *args]
        return run(command, env=self.env, stdin=stdin, timeout=timeout, check=check)


@contextmanager
def private_podman(ground: Ground) -> Iterator[Podman]:
    """A podman with nothing in its store: overlay, or plain folders (vfs) where overlay does not work."""
    folder = ground.fresh("podman")
    podman = _podman(ground, folder, "overlay")
    if podman("info", check=False).code != 0:
        podman = _podman(ground, folder, "vfs")
    try:
        yield podman
    finally:
        podman("rm", "--all", "--force", "--time", "0")
        podman("rmi", "--all", "--force")
        # overlay keeps its root mounted on itself until the machine goes down
        for point in ground.mounts():
            if point.is_relative_to(folder):
                run([tool("umount", "mount"), str(point)], env=podman.env)


def _podman(ground: Ground, folder: Path, driver: str) -> Podman:
    root, runroot = folder / f"{driver}-store", folder / f"{driver}-run"
    storage = f'[storage]\ndriver = "{driver}"\ngraphroot = "{root}"\nrunroot = "{runroot}"\n'
    files = {
        "CONTAINERS_CONF": ("containers.conf", CONTAINERS_CONF.format(folder=folder)),
        "CONTAINERS_REGISTRIES_CONF": ("registries.conf", REGISTRIES_CONF),
        "CONTAINERS_STORAGE_CONF": ("storage.conf", storage),
        "REGISTRY_AUTH_FILE": ("auth.json", "{}"),
    }
    env = dict(ground.env)
    for variable, (name, text) in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        env[variable] = str(folder / name)
    store = ("--root", str(root), "--runroot", str(runroot), "--storage-driver", driver)
    return Podman(MappingProxyType(env), store)
