"""Containers without images: a root file system of busybox, run by a program of the distribution.

What the floors above do with a snapshot is done here with a plain folder, so that tests of the runtime need
neither a store nor an image.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from shale.linux.mount import in_private_mounts
from shale.oci.config import Execution
from shale.runtime.bundle import BundleRequest, Prepared, prepare_bundle
from shale.runtime.driver import Driver, Running, Streams
from shale.runtime.host import examine_host
from shale.runtime.wishes import RunWishes

BUSYBOX = Path("/bin/busybox")
APPLETS = (
    "cat", "chmod", "echo", "env", "grep", "head", "hostname", "id", "kill", "ls", "mkdir", "mknod", "mount",
    "nc", "ps", "pwd", "readlink", "sh", "sleep", "stat", "stty", "tail", "test",
    "touch", "true", "tty", "umount", "unshare", "wc",
)  # fmt: skip
GRACE = 30.0


def make_root(folder: Path) -> Path:
    """A small system, in a folder that is made."""
    for name in ("bin", "etc", "tmp", "root", "var/www"):
        (folder / name).mkdir(parents=True)
    (folder / "tmp").chmod(0o1777)
    (folder / "bin/busybox").write_bytes(BUSYBOX.read_bytes())
    (folder / "bin/busybox").chmod(0o755)
    for applet in APPLETS:
        (folder / "bin" / applet).symlink_to("busybox")
    (folder / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\nweb:x:33:\ndisk:x:6:web\n")
    return folder


@dataclass(frozen=True)
class Ended:
    """A container that ran to its end."""

    code: int
    out: str
    err: str
    prepared: Prepared


@dataclass
class Box:
    """One container and its folder."""

    driver: Driver
    folder: Path
    image: Execution = field(default_factory=Execution)
    environ: Mapping[str, str] = field(default_factory=lambda: {"PATH": os.environ["PATH"]})
    fill: Callable[[int, int], None] = lambda _source, _target: None
    id: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def root(self) -> Path:
        return self.folder / "rootfs"

    @property
    def state(self) -> Path:
        return self.folder / "runtime"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    def prepare(self, wishes: RunWishes) -> Prepared:
        """Only the bundle; what is mounted is gone when this returns."""
        request = BundleRequest(self.id, self.folder, self.image, wishes, self.environ, self.fill)
        return in_private_mounts(lambda: prepare_bundle(request, examine_host()))

    def start(self, wishes: RunWishes, streams: Streams) -> tuple[Running, Prepared]:
        request = BundleRequest(self.id, self.folder, self.image, wishes, self.environ, self.fill)

        def begin() -> tuple[Running, Prepared]:
            prepared = prepare_bundle(request, examine_host())
            return self.driver.run(self.state, self.id, self.folder, self.pid_file, streams), prepared

        return in_private_mounts(begin)

    def run(self, *args: str, wishes: RunWishes | None = None, stdin: bytes = b"") -> Ended:
        """Run to the end, and remove what the runtime keeps."""
        wishes = RunWishes() if wishes is None else wishes
        if args:
            wishes = msgspec.structs.replace(wishes, args=args)
        with (
            open(self.folder / "in", "w+b") as source,
            open(self.folder / "out", "w+b") as out,
            open(self.folder / "err", "w+b") as err,
        ):
            source.write(stdin)
            source.seek(0)
            try:
                running, prepared = self.start(wishes, Streams(source.fileno(), out.fileno(), err.fileno()))
                timer = threading.Timer(GRACE, running.signal, [9])
                timer.start()
                try:
                    code = running.wait()
                finally:
                    timer.cancel()
            finally:
                self.driver.delete(self.state, self.id)
            return Ended(code, _text(self.folder / "out"), _text(self.folder / "err"), prepared)


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


def leftovers(box: Box) -> list[str]:
    """What a container left behind outside of its folder, and in it what should be gone."""
    found = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/*{box.id}*")]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(box.folder) in line]
    found += [str(path) for path in box.state.glob("*")] if box.state.exists() else []
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    found += [line for line in listing.splitlines() if box.id in line]
    return found
