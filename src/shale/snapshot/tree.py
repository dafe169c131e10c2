"""The form `tree`: a layer as a folder, which overlay takes as a lower directory.

    NAME/root    the layer's files
    NAME/list    what they must look like: see `treelist`

A layer has its name only when it is whole: it is made, and removed, under other names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from shale.layer.rules import ApplyRules, Whiteouts
from shale.linux.durable import disk_errors
from shale.linux.removal import remove_tree
from shale.linux.syscall import library
from shale.oci.digest import DiffID
from shale.snapshot.form import LayerBuilder, LayerDamaged, LayerMissing
from shale.snapshot.treefolder import LIST, ROOT, below_folder

__all__ = ["TreeForm"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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
        from shale.snapshot.treebuilder import TreeBuilder  # noqa: PLC0415 - not for those who only mount

        return TreeBuilder(self._rules, folder, name)

    def open(self, folder: int, name: str) -> int:
        """See `LayerForm`."""
        with _opened(folder, name) as layer, disk_errors(f"opening the layer {name}"):
            try:
                return os.open(ROOT, _FOLDER, dir_fd=layer)
            except FileNotFoundError as error:
                raise LayerDamaged(f"the layer {name} has lost its files") from error

    def verify(self, folder: int, name: str, diff_id: DiffID) -> None:
        """See `LayerForm`. What is compared is the layer's list, which has the DiffID and all checksums."""
        from shale.snapshot.treecheck import TreeCheck  # noqa: PLC0415 - not for those who only mount
        from shale.snapshot.treelist import ListDamaged, read_list  # noqa: PLC0415 - as above

        with ExitStack() as held, disk_errors(f"reading the layer {name}"):
            layer = held.enter_context(_opened(folder, name))
            try:
                with open(LIST, "rb", opener=below_folder(layer)) as stream:
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
