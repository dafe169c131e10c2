"""Making a layer as a folder, and its list, while its tar streams by."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import Final

from shale.layer.apply import TreeWriter
from shale.layer.behind import Behind
from shale.layer.rules import ApplyRules
from shale.linux.durable import disk_errors
from shale.linux.removal import remove_tree
from shale.snapshot.form import Built
from shale.snapshot.treefolder import LIST, ROOT, below_folder
from shale.snapshot.treelist import ListWriter

__all__ = ["TreeBuilder"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_QUEUED: Final = 4
"""Pieces of at most 1 MiB that wait for the list."""


class TreeBuilder:
    """A layer that is being written, under a name of its own; a `LayerBuilder`."""

    def __init__(self, rules: ApplyRules, folder: int, name: str) -> None:
        self._folder, self._name = folder, name
        self._new = f".new-{os.urandom(8).hex()}"
        self._held = ExitStack()
        try:
            with disk_errors(f"making the layer {name}"):
                self._begin(rules)
        except BaseException:
            self.close()
            raise

    def _begin(self, rules: ApplyRules) -> None:
        os.mkdir(self._new, 0o700, dir_fd=self._folder)
        self._layer = os.open(self._new, _FOLDER, dir_fd=self._folder)
        self._held.callback(os.close, self._layer)
        os.mkdir(ROOT, dir_fd=self._layer)
        root = os.open(ROOT, _FOLDER, dir_fd=self._layer)
        self._held.callback(os.close, root)
        # The root as it is where the layer says nothing of it.
        os.fchmod(root, 0o755)
        os.utime(root, ns=(0, 0))
        listing = open(LIST, "xb", opener=below_folder(self._layer))  # noqa: SIM115 - closed with the rest
        self._held.callback(listing.close)
        self._list = ListWriter(listing)
        self._listing = listing
        # Hashing goes on while files are made: both let go of the interpreter's lock.
        self._listed = Behind(self._list.feed, _QUEUED, "shale-list")
        self._held.callback(self._listed.stop)
        self._writer = self._held.enter_context(TreeWriter(root, rules))

    def feed(self, piece: bytes | memoryview, /) -> None:
        """See `LayerBuilder`."""
        with disk_errors(f"writing the list of the layer {self._name}"):
            self._listed.put(bytes(piece))
        self._writer.feed(piece)

    def finish(self) -> Built:
        """See `LayerBuilder`."""
        applied = self._writer.finish()
        with disk_errors(f"making the layer {self._name}"):
            self._listed.stop()
            self._listed.check()
            self._list.finish(applied.notes)
            size = applied.size + self._listing.tell()
            self._held.close()
            os.rename(self._new, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._new = ""
        return Built(size, applied.entries, applied.content_size, applied.loose, applied.notes)

    def close(self) -> None:
        """See `LayerBuilder`."""
        self._held.close()
        if self._new:
            with suppress(OSError):
                remove_tree(self._folder, self._new)
            self._new = ""
