"""Putting the entries of an archive into a folder, with the rules of `docker cp`.

Not the rules of layers: there are no whiteouts, and an entry never takes the place of a folder, nor a folder
that of anything else. The folder may be a living container's, which changes it meanwhile, and may do so to
harm: every step is taken from the descriptor of a folder, with one component that is not followed.

Specification: docs.docker.com "docker container cp".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import Final

from shale.container.files.dressing import Dressing
from shale.container.files.folderpath import FolderPath, Path
from shale.container.files.newfile import NewFile, named
from shale.errors import Conflict
from shale.layer.entry import TreeEntry
from shale.layer.header import BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, HARD_LINK, SYMLINK
from shale.layer.path import components

__all__ = ["CopyConflict", "Putting"]

_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES: Final = {CHARACTER_DEVICE: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK, FIFO: stat.S_IFIFO}


class CopyConflict(Conflict):
    """What is at the destination cannot be replaced by what should be copied there."""


class Putting:
    """Puts entries into a folder: an `EntryWriter`, and for archives that stream by `begin`, `write`, `end`.

    Use it, then `finish` it; `close` it in any case.

    Args:
        folder: descriptor of the folder.
        dressing: what of the entries is kept.
        shown: what the folder is called in messages.
        devices: whether device nodes are made; they are left out with a note otherwise.
        beyond: whether and how far symbolic links to folders are followed: as `FolderPath`.
    """

    def __init__(
        self,
        folder: int,
        dressing: Dressing,
        shown: str,
        *,
        devices: bool,
        beyond: tuple[int, bytes] | None = None,
    ) -> None:
        self._way = FolderPath(folder, self._left, beyond)
        self._dressing = dressing
        self._place = os.fsencode(shown)
        self._devices = devices
        self._folders: dict[Path, TreeEntry] = {}
        self._file: tuple[NewFile, TreeEntry, str] | None = None

    def add(self, entry: TreeEntry, body: Iterable[bytes]) -> None:
        """Put one entry with its body; errors as `begin`."""
        self.begin(entry)
        for piece in body:
            self.write(piece)
        self.end()

    def begin(self, entry: TreeEntry) -> None:
        """Begin with an entry; only of a regular file bytes follow, and `end`.

        Raises:
            CopyConflict, NotAFolder, MountedThere: something is in its way.
            InvalidTar: its name leads out of the folder.
            OSError: as the kernel says it.
        """
        path = components(entry.path, 0)
        if not path:
            return  # the folder itself: what is in it is meant
        parent, base, shown = self._way.into(path[:-1]), path[-1], self._shown(path)
        there = _look(parent, base)
        if there is not None and stat.S_ISDIR(there.st_mode) != (entry.kind == DIRECTORY):
            kinds = (
                ("directory", "non-directory") if entry.kind != DIRECTORY else ("non-directory", "directory")
            )
            raise CopyConflict(f"cannot overwrite {kinds[0]} {shown} with {kinds[1]}")
        if entry.kind == DIRECTORY:
            if there is None:
                os.mkdir(base, entry.mode & 0o777 | stat.S_IRWXU, dir_fd=parent)
            self._folders[path] = entry
            self._way.into(path)
        elif entry.kind in (SYMLINK, HARD_LINK, *_NODES):
            self._make(parent, base, entry, shown, replaces=there is not None)
        else:
            self._file = NewFile(parent, base, replaces=there is not None, shown=shown), entry, shown

    def write(self, piece: bytes | memoryview, at: int | None = None) -> None:
        """Take the next bytes of the file that was begun, or those at an offset."""
        if self._file is not None:
            self._file[0].write(piece, at)

    def end(self) -> None:
        """Say that the body of the file has ended; fine after other entries too."""
        if self._file is None:
            return
        file, entry, shown = self._file
        self._file = None
        try:
            file.set_size(entry.size)
            self._dressing.dress(file.handle, entry, shown)
            file.appear()
        finally:
            file.close()

    def finish(self) -> None:
        """Give the folders what they should have; writing into them has changed their times."""
        self.end()
        self._way.into(())

    def close(self) -> None:
        """Let go of everything; a file that was not ended is dropped."""
        if self._file is not None:
            self._file[0].close()
        self._way.close()

    def _make(self, parent: int, base: bytes, entry: TreeEntry, shown: str, *, replaces: bool) -> None:
        """Make what is neither a folder nor a regular file."""
        if entry.kind in (CHARACTER_DEVICE, BLOCK_DEVICE) and not self._devices:
            self._dressing.notes.append(f"device {shown} left out")
            return
        with named(parent, base, replaces=replaces, shown=shown) as name:
            if entry.kind == HARD_LINK:
                self._link(parent, name, entry, shown)
                return
            if entry.kind == SYMLINK:
                os.symlink(entry.link, name, dir_fd=parent)
            else:
                device = os.makedev(entry.major, entry.minor)
                os.mknod(name, _NODES[entry.kind] | 0o600, device, dir_fd=parent)
            made = os.open(name, _LOOK, dir_fd=parent)
            try:
                self._dressing.dress(made, entry, shown)
            finally:
                os.close(made)

    def _link(self, parent: int, name: bytes, entry: TreeEntry, shown: str) -> None:
        target = components(entry.link, 0)
        if not target:
            raise CopyConflict(f"cannot make {shown} a hard link to a folder")
        with self._way.beside(target[:-1]) as other:
            os.link(target[-1], name, src_dir_fd=other, dst_dir_fd=parent, follow_symlinks=False)

    def _left(self, path: Path, folder: int) -> None:
        # A folder may be entered again, so what it should be stays known.
        entry = self._folders.get(path)
        if entry is not None:
            self._dressing.dress(folder, entry, self._shown(path))

    def _shown(self, path: Path) -> str:
        return repr(os.fsdecode(os.path.join(self._place, *path)))


def _look(parent: int, base: bytes) -> os.stat_result | None:
    try:
        return os.stat(base, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
