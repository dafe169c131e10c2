"""What is in the folder of a layer in the form `tree`: see there."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

__all__ = ["LIST", "ROOT", "opener_below"]

ROOT: Final = "root"
"""The folder of the layer's files."""
LIST: Final = "list"
"""What they must look like."""


def opener_below(folder: int) -> Callable[[str, int], int]:
    """For `open`: files in a folder, and nowhere else."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    return opener
