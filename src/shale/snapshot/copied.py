"""What containers stand on where no layers can be stacked: a whole copy of the merged tree for each.

The upper directory of such a container is its root. A mark in the work directory says so, for good: what was
copied once is never stacked, and the other way round.

    work/copying    the tree is being written; after a kill it is begun again
    work/copied     it is whole, and the container's changes are among it
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from shale.errors import Unsupported
from shale.linux.durable import disk_errors
from shale.linux.mount import clone
from shale.linux.removal import remove_tree
from shale.snapshot.layers import LayerKey, Layers
from shale.snapshot.snapshots import Snapshot
from shale.store.layerfiles import LayerFiles
from shale.store.store import Store

if TYPE_CHECKING:
    from shale.snapshot.entries import OpenTar

__all__ = ["CopiedSnapshots", "MadeOtherwise", "is_copied"]

_BEGUN: Final = "copying"
_WHOLE: Final = "copied"


class MadeOtherwise(Unsupported):
    """The changes of a container lie above layers that cannot be stacked any more."""


def is_copied(work: int) -> bool:
    """Whether the upper directory beside a work directory is a whole copy.

    Args:
        work: descriptor of the work directory.
    """
    return _has(work, _WHOLE)


class CopiedSnapshots:
    """As `Snapshots`, with a copy wherever something is mounted. Safe to use from threads and processes."""

    def __init__(self, store: Store) -> None:
        """Prepare, and clear away copies that nobody looks at any more.

        Args:
            store: whose layers.
        """
        self._store = store
        store.layers.sweep()

    @contextmanager
    def open(self, layers: Sequence[LayerKey], check: Callable[[], None] = lambda: None) -> Iterator[Snapshot]:
        """The layers of an image as one; they are read from their blobs when something is mounted.

        Args:
            layers: bottom first; their blobs must stay: a name, a container or a lease reaches them.
            check: called often; it may raise to stop.
        """
        from shale.snapshot.blobtar import open_tar  # noqa: PLC0415 - few machines come by here

        tars = [partial(open_tar, self._store.blobs, layer.digest) for layer in layers]
        yield Snapshot(Layers.chain_of(layers), _Copies(self._store.layers, tars, check))


class _Copies:
    """A `Stack` that writes out what it would mount."""

    def __init__(self, files: LayerFiles, tars: Sequence[OpenTar], check: Callable[[], None]) -> None:
        self._files = files
        self._tars = tars
        self._check = check

    def view(self) -> int:
        """A copy of its own, to be read; it goes some time after the descriptor was closed."""
        self._files.sweep()
        workplace = self._files.workplace(f"view-{os.urandom(12).hex()}")
        try:
            self._write(workplace.folder)
        except BaseException:
            workplace.close()
            raise
        return workplace.keep()

    def mount(self, upper: int, work: int, *, volatile: bool = False) -> int:  # noqa: ARG002 - as `Stack.mount`
        """The upper directory as a detached mount; filled the first time.

        Raises:
            MadeOtherwise: there are changes in it of the time when layers could be stacked.
            InvalidTar, LayerTooLarge: a layer is malformed or hostile.
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        if not is_copied(work):
            self._fill(upper, work)
        return clone(upper, recursive=False)

    def _fill(self, upper: int, work: int) -> None:
        with disk_errors("preparing the folder for a container's files"):
            there = os.listdir(upper)
            if there and not _has(work, _BEGUN):
                raise MadeOtherwise(
                    "the container was made when layers could be stacked here; now they cannot (see shale info)"
                )
            os.close(os.open(_BEGUN, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=work))
            for name in there:
                remove_tree(upper, name)
        self._write(upper)
        with disk_errors("preparing the folder for a container's files"):
            os.rename(_BEGUN, _WHOLE, src_dir_fd=work, dst_dir_fd=work)

    def _write(self, folder: int) -> None:
        from shale.snapshot.copying import powers_over, write_merged  # noqa: PLC0415 - few machines come by here

        write_merged(self._tars, folder, powers_over(folder), check=self._check)


def _has(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
