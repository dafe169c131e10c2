"""Starting a container's process: its root mounted where only it sees that, its bundle, the runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple

from shale.container.command import check_command
from shale.container.folders import HeldFolder
from shale.container.ports import Workshop
from shale.container.record import ContainerRecord
from shale.runtime.driver import Running, Streams

__all__ = ["STATE", "Launched", "launch"]

STATE = "runtime"
"""The folder in which the runtime keeps its state."""


class Launched(NamedTuple):
    """A container whose runtime was started.

    Attributes:
        running: the runtime at work.
        notes: what could not be as it should, for a person.
    """

    running: Running
    notes: Sequence[str]


def launch(workshop: Workshop, held: HeldFolder, record: ContainerRecord, streams: Streams) -> Launched:
    """Start a container; the pid file appears when its first process runs.

    The root file system is mounted in a mount namespace that belongs to the runtime and its children alone: it
    goes with the last of them, whoever is killed when.

    Args:
        workshop: what it is started with.
        held: its folder.
        record: what it should be.
        streams: its standard streams; they stay the caller's.

    Raises:
        ShaleError: it cannot be mounted, written down or started.
    """
    driver = workshop.driver()
    held.forget_pid()

    def begin() -> Launched:
        with ExitStack() as stack:
            parts = {}
            for name, mode in (("upper", 0o755), ("work", 0o700), ("rootfs", 0o755), (STATE, 0o700)):
                parts[name] = held.part(name, mode)
                stack.callback(os.close, parts[name])
            # The end of an overlay syncs the whole file system below it: not for changes that go with it.
            mount = workshop.roots.mount(record, parts["upper"], parts["work"], volatile=record.spec.remove)
            stack.callback(os.close, mount)
            workshop.mounting.attach(mount, parts["rootfs"])
            notes = workshop.bundles.write(record, held)
            root = os.open(held.path / "rootfs", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, root)
            check_command(root, record.spec)
            running = driver.run(held.path / STATE, record.id, held.path, held.pid_file, streams)
            return Launched(running, notes)

    return workshop.mounting.in_private_mounts(begin)
