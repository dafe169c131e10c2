"""What is in the folder of a layer in the form `tree`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

__all__ = ["LIST", "ROOT", "below_folder"]

LIST: Final = "list"
"""What the files must look like: see `treelist`."""
ROOT: Final = "root"
"""The files."""


def below_folder(folder: int) -> Callable[[str, int], int]:
    """For `open`: files in a folder, and nowhere else."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    return opener
