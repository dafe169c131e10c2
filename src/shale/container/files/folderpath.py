"""The way into the folders below a folder, one component at a time, from descriptor to descriptor.

Entries of an archive come folder by folder, so the way to the last one is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shale.container.files.trail import Trail
from shale.errors import Conflict
from shale.linux.beneath import open_beneath

__all__ = ["FolderPath", "NotAFolder"]

_OPEN: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Path = tuple[bytes, ...]


class NotAFolder(Conflict):
    """Something else is where a folder should be."""


class FolderPath:
    """The way from a folder to those below it; missing ones are made. Close it.

    Args:
        folder: descriptor of the folder; it stays the caller's.
        left: called when the way leaves a folder, with its path and its descriptor.
        beyond: where symbolic links to folders are followed: the root that they stay in, and the path of
            `folder` below it; None where nothing is followed.
    """

    def __init__(
        self, folder: int, left: Callable[[Path, int], None], beyond: tuple[int, bytes] | None = None
    ) -> None:
        self._folder = folder
        self._beyond = beyond
        self._left = left
        self._names: list[bytes] = []
        self._trail = Trail(_OPEN)

    def into(self, path: Path) -> int:
        """Go to a folder; the descriptor is good until the next call.

        Raises:
            NotAFolder: a component is something else, or a link that is not followed.
            OSError: as the kernel says it.
        """
        common = 0
        for name, wanted in zip(self._names, path, strict=False):
            if name != wanted:
                break
            common += 1
        self._back(common)
        for name in path[common:]:
            self._trail.enter(self._open(self._lowest, (*self._names, name)))
            self._names.append(name)
        return self._lowest

    @property
    def _lowest(self) -> int:
        return self._trail.lowest if self._names else self._folder

    @contextmanager
    def beside(self, path: Path) -> Iterator[int]:
        """Another folder, while the way stays where it is; errors as `into`."""
        other = FolderPath(self._folder, _unnoticed, self._beyond)
        try:
            yield other.into(path)
        finally:
            other.close()

    def close(self) -> None:
        """Let go of the descriptors; nobody is told that folders were left."""
        self._trail.close()
        self._names.clear()

    def _back(self, count: int) -> None:
        while len(self._names) > count:
            path = tuple(self._names)
            folder = self._trail.leave()
            self._names.pop()
            try:
                self._left(path, folder)
            finally:
                os.close(folder)

    def _open(self, above: int, path: Path) -> int:
        name = path[-1]
        try:
            return os.open(name, _OPEN, dir_fd=above)
        except FileNotFoundError:
            os.mkdir(name, 0o755, dir_fd=above)
            return os.open(name, _OPEN, dir_fd=above)
        except NotADirectoryError:
            if self._beyond is None:
                raise NotAFolder(f"{os.fsdecode(b'/'.join(path))} is not a directory") from None
        root, place = self._beyond
        try:
            return open_beneath(root, b"/".join((place, *path)), os.O_PATH | os.O_DIRECTORY)
        except (NotADirectoryError, FileNotFoundError):
            raise NotAFolder(f"{os.fsdecode(b'/'.join(path))} is not a directory") from None


def _unnoticed(path: Path, folder: int) -> None:
    """Nobody wants to know that a folder was left."""
