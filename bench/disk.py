"""Fresh file systems for stores: an ext4 with a journal in a file, mounted by a loop device.

On an ext4 without a journal, or one on which much has been deleted, creating files can take ten times as
long: whoever comes second would pay for the first.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.ground import Ground
from peers.process import PeerFailed, run, tool

_SIZE = 12 << 30
"""Bytes, of which only those that are written take room."""


@dataclass(frozen=True, slots=True)
class Disks:
    """Makes file systems on one ground. `fresh` is false where mounting is not allowed."""

    ground: Ground
    loop: bool

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """An empty folder on a file system of its own, where that is possible; gone afterwards."""
        point = self.ground.fresh("disk")
        with self.over(point):
            yield point
        shutil.rmtree(point)

    @contextmanager
    def over(self, point: Path) -> Iterator[None]:
        """Lay an empty file system over a folder; what was in it comes back afterwards."""
        if not self.loop:
            yield
            return
        image = self.ground.fresh("image") / "ext4"
        with image.open("wb") as file:
            file.truncate(_SIZE)
        # Tables that the kernel would go on writing later would fall into somebody's time.
        quick = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
        env = self.ground.env
        run([tool("mkfs.ext4", "e2fsprogs"), "-q", "-F", "-E", quick, str(image)], env=env)
        options = "loop,noatime,noinit_itable"
        run([tool("mount", "mount"), "-t", "ext4", "-o", options, str(image), str(point)], env=env)
        try:
            yield
        finally:
            # Whatever was not synced is written here, in nobody's time.
            umount = tool("umount", "mount")
            if run([umount, str(point)], env=env, check=False).code:
                run([umount, "--lazy", str(point)], env=env)  # a peer that was interrupted still has files open
            shutil.rmtree(image.parent)


def disks_on(ground: Ground) -> Disks:
    """Disks for a ground: fresh file systems for root, plain folders for everybody else."""
    if os.geteuid() != 0:
        return Disks(ground, loop=False)
    disks = Disks(ground, loop=True)
    try:
        with disks.fresh():
            return disks
    except PeerFailed:
        return Disks(ground, loop=False)
