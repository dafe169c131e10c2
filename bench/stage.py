"""What rows find ready: grounds on fresh disks, the test images, and shale as people start it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.disk import Disks, disks_on
from peers.ground import Ground
from peers.images import Images, open_images
from peers.process import run


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that a row needs. Rows leave nothing on it."""

    ground: Ground
    disks: Disks
    images: Images
    env: Mapping[str, str]
    """The environment in which every measured program runs."""

    @contextmanager
    def own_ground(self) -> Iterator[Ground]:
        """A ground on a fresh disk, for a peer that keeps something."""
        with Ground(self.ground.folder.parent, os.environ) as ground:
            rooms = [(room, stat.S_IMODE(room.stat().st_mode)) for room in ground.folder.iterdir()]
            # The disk lies over the ground and not below it: podman takes paths of at most 50 characters.
            with self.disks.over(ground.folder):
                for room, mode in rooms:
                    room.mkdir(mode, exist_ok=True)
                yield ground

    @property
    def log(self) -> Path:
        """Where the output of the program goes that is measured just now."""
        return self.ground.folder / "log"

    def shale(self, *args: str) -> list[str]:
        """A command line of shale: the script that pip installed beside this interpreter."""
        return [str(Path(sys.executable).with_name("shale")), *args]

    def program(self, name: str, *args: str) -> list[str]:
        """A command line of a program of ours that uses shale as a library: a file beside this one."""
        return [sys.executable, str(Path(__file__).with_name(name)), *args]

    def run_shale(self, *args: str) -> str:
        """Run shale for what is prepared and not measured; its output."""
        return run(self.shale(*args), env=self.env, timeout=600).stdout


@contextmanager
def open_stage(temporary: Path) -> Iterator[Stage]:
    """A stage below a temporary folder; nothing of it is left at the end."""
    with Ground(temporary, os.environ) as ground:
        env = dict(ground.env)
        # A checkout that is not installed is named by this; bytecode is written, whatever the machine says.
        if "PYTHONPATH" in os.environ:
            env["PYTHONPATH"] = os.environ["PYTHONPATH"]
        yield Stage(ground, disks_on(ground), open_images(os.environ, ground.env), env)
