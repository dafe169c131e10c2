"""The whole tree of a container as a tar archive: `shale export`.

What is mounted in it does not belong to it: /proc, /etc/hosts and volumes are the empty folders and files that
they are mounted on, as docker shows them. Entries come in the order of their names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from shale.container.files.reading import ReadingRules, read_entry
from shale.container.files.transit import Counted, emitter, keeps_capabilities
from shale.container.record import ContainerRecord
from shale.container.view import Views
from shale.layer.writer import TarWriter

__all__ = ["export"]


def export(views: Views, record: ContainerRecord, stream: BinaryIO, check: Callable[[], None]) -> None:
    """Write the tree that a container sees.

    Args:
        views: trees of containers.
        record: the container.
        stream: gets the archive.
        check: called often; it may raise to stop.

    Raises:
        BeingRemoved: the container is being taken away.
        ShaleError: its tree cannot be had.
    """
    with views.merged(record, mounts=False) as root:
        device = os.fstat(root).st_dev
        rules = ReadingRules(lambda status: status.st_dev == device, keeps_capabilities)
        writer = TarWriter(emitter(stream))
        read_entry(root, b"", Counted(writer, check), rules)
        writer.finish()
