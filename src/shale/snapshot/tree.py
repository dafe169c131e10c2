"""The form `tree`: a layer as a folder, which overlay takes as a lower directory.

    NAME/root    the layer's files
    NAME/list    what they must look like: see `treelist`

A layer has its name only when it is whole: it is made, and removed, under other names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from shale.layer.apply import TreeWriter
from shale.layer.behind import Behind
from shale.layer.rules import ApplyRules, Whiteouts
from shale.linux.durable import disk_errors
from shale.linux.removal import remove_tree
from shale.linux.syscall import library
from shale.oci.digest import DiffID
from shale.snapshot.form import Built, LayerBuilder, LayerDamaged, LayerMissing
from shale.snapshot.treecheck import TreeCheck
from shale.snapshot.treelist import ListDamaged, ListWriter, read_list

__all__ = ["TreeBuilder", "TreeForm"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ROOT: Final = "root"
_LIST: Final = "list"
_QUEUED: Final = 4
"""Pieces of at most 1 MiB that wait for the list."""


class TreeForm:
    """Layers as folders; a `LayerForm`.

    Args:
        user: whether this is for a user namespace: what is removed is marked in `user.overlay.*`, and device
            nodes, which cannot be made there, are left out.
        keep_owner: whether files belong to whom the layer says; not where the namespace has a single user.
    """

    def __init__(self, *, user: bool = False, keep_owner: bool = True) -> None:
        # Layers made in one of these ways are no good in another, as when a user is given ids later.
        self._name = "tree" if not user else "tree-user" if keep_owner else "tree-one"
        self._rules = ApplyRules(
            Whiteouts.USER if user else Whiteouts.TRUSTED, keep_owner=keep_owner, make_devices=not user
        )

    @property
    def name(self) -> str:
        """See `LayerForm`: `tree`, and in user namespaces `tree-user` or, with a single user, `tree-one`."""
        return self._name

    def builder(self, folder: int, name: str) -> LayerBuilder:
        """See `LayerForm`."""
        return TreeBuilder(self._rules, folder, name)

    def open(self, folder: int, name: str) -> int:
        """See `LayerForm`."""
        with _opened(folder, name) as layer, disk_errors(f"opening the layer {name}"):
            try:
                return os.open(_ROOT, _FOLDER, dir_fd=layer)
            except FileNotFoundError as error:
                raise LayerDamaged(f"the layer {name} has lost its files") from error

    def verify(self, folder: int, name: str, diff_id: DiffID) -> None:
        """See `LayerForm`. What is compared is the layer's list, which has the DiffID and all checksums."""
        with ExitStack() as held, disk_errors(f"reading the layer {name}"):
            layer = held.enter_context(_opened(folder, name))
            try:
                with open(_LIST, "rb", opener=_below(layer)) as stream:
                    listed = read_list(stream)
            except (FileNotFoundError, ListDamaged) as error:
                raise LayerDamaged(f"the layer {name} has no list of its files, or a damaged one") from error
            if listed.diff_id != str(diff_id):
                raise LayerDamaged(f"the layer {name} holds another tar than {diff_id}")
            root = self.open(folder, name)
            held.callback(os.close, root)
            TreeCheck(root, listed, self._rules.whiteouts.value, keep_owner=self._rules.keep_owner).run()

    def sync(self, folder: int, name: str) -> None:
        """See `LayerForm`. One call for all files, and for whatever else is on that file system."""
        with _opened(folder, name) as layer, disk_errors(f"syncing the layer {name}"):
            library("syncfs", layer)

    def remove(self, folder: int, name: str) -> None:
        """See `LayerForm`. The name is gone at once; a kill leaves a `.gone-RANDOM`."""
        aside = f".gone-{os.urandom(8).hex()}"
        with disk_errors(f"removing the layer {name}"), suppress(FileNotFoundError):
            os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
            remove_tree(folder, aside)


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
        os.mkdir(_ROOT, dir_fd=self._layer)
        root = os.open(_ROOT, _FOLDER, dir_fd=self._layer)
        self._held.callback(os.close, root)
        # The root as it is where the layer says nothing of it.
        os.fchmod(root, 0o755)
        os.utime(root, ns=(0, 0))
        listing = open(_LIST, "xb", opener=_below(self._layer))  # noqa: SIM115 - closed with the rest
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
        return Built(size, applied.entries, applied.loose, applied.notes)

    def close(self) -> None:
        """See `LayerBuilder`."""
        self._held.close()
        if self._new:
            with suppress(OSError):
                remove_tree(self._folder, self._new)
            self._new = ""


def _below(folder: int) -> Callable[[str, int], int]:
    """For `open`: files in a folder, and nowhere else."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    return opener


@contextmanager
def _opened(folder: int, name: str) -> Iterator[int]:
    try:
        with disk_errors(f"opening the layer {name}"):
            layer = os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError as error:
        raise LayerMissing(name) from error
    try:
        yield layer
    finally:
        os.close(layer)
