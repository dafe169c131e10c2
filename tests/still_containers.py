"""Containers in which nothing runs: what is changed in them is changed by hand, in their mounted tree."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shale.container.containers import Containers
from shale.container.folders import Folders
from shale.container.record import ContainerRecord
from shale.container.spec import ContainerSpec
from shale.container.view import Views
from shale.engine.engine import Engine
from shale.engine.runner import image_roots
from shale.image.resolve import find_image, select_platform

__all__ = ["StillContainers"]


class StillContainers:
    """The containers of an engine's store."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        store = engine.store
        self.rows = Containers(store.database, Folders(store.root))
        self.views = Views(self.rows, image_roots(engine.parts), no_fill)

    def make(
        self, image: str, name: str, config: Mapping[str, Any] | None = None, wishes: str = "{}"
    ) -> ContainerRecord:
        """A container of an image; nothing was ever changed in it."""
        host = self.engine.settings.host
        platform = select_platform(find_image(self.engine.store, image, host).image, None, host)
        spec = ContainerSpec(config or {}, wishes)
        record = ContainerRecord(os.urandom(32).hex(), name, image, platform.manifest, time.time(), spec)
        with self.rows.folders.create(record.id):
            return self.rows.add(record, self.engine.store.content.is_whole)

    @contextmanager
    def tree(self, record: ContainerRecord) -> Iterator[Path]:
        """The tree that the container sees, to look into and to change."""
        with self.views.merged(record, mounts=False) as root:
            yield Path(f"/proc/{os.getpid()}/fd/{root}")

    def import_tree(self, name: str, tree: Path) -> None:
        """Make an image with one layer of a folder, as GNU tar sees it."""
        command = [
            "tar",
            "--sort=name",
            "--xattrs",
            "--xattrs-include=*",
            "--numeric-owner",
            "-C",
            str(tree),
            "-c",
            ".",
        ]
        done = subprocess.run([*command, "--format=posix"], capture_output=True, check=True)
        self.engine.images.import_rootfs(io.BytesIO(done.stdout), name, changes=['CMD ["sh"]', "ENV PATH=/bin"])


def no_fill(source: int, target: int) -> None:
    """Volumes begin empty here."""
    assert source != target
