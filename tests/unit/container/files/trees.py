"""Copying a tree as `shale cp` does, without a container."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from shale.container.files.dressing import Dressing
from shale.container.files.putting import Putting
from shale.container.files.reading import ReadingRules, read_entry
from shale.container.files.transit import copy_errors, keeps_capabilities

__all__ = ["copy_tree"]


def _everywhere(status: os.stat_result) -> bool:
    return True


def copy_tree(
    source: Path,
    target: Path,
    *,
    name: bytes = b".",
    owner: bool = True,
    devices: bool = True,
    enters: Callable[[os.stat_result], bool] = _everywhere,
) -> list[str]:
    """Copy a file or folder into a folder under a name; what could not be kept."""
    handle = os.open(source, os.O_PATH | os.O_NOFOLLOW)
    into = os.open(target, os.O_PATH | os.O_DIRECTORY)
    dressing = Dressing(owner=owner, keeps=keeps_capabilities)
    try:
        with copy_errors("copying"), closing(Putting(into, dressing, "there", devices=devices)) as putting:
            read_entry(handle, name, putting, ReadingRules(enters, keeps_capabilities))
            putting.finish()
    finally:
        os.close(handle)
        os.close(into)
    return dressing.notes
