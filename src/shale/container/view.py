"""The files of a container, running or not, as one tree by its descriptor.

A running container's tree is a copy of its mounts: nothing that its processes do to their own mounts or names
changes where the descriptor leads. A container that does not run is mounted for the purpose, nowhere, while its
lock is held.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Protocol

import msgspec

from shale.container.attached import Fill, with_mounts
from shale.container.containers import Containers
from shale.container.folders import ContainerBusy, HeldFolder
from shale.container.naming import ContainerNotFound
from shale.container.record import ContainerRecord
from shale.container.states import State
from shale.errors import Conflict
from shale.linux.joining import root_of
from shale.runtime.bundle import Prepared, read_prepared
from shale.runtime.firstprocess import absolute
from shale.runtime.wishes import decode_wishes
from shale.snapshot.copied import is_copied

__all__ = ["BeingRemoved", "Changed", "Roots", "Views"]

UPPER: Final = "upper"
WORK: Final = "work"

_GLANCE: Final = 0.2
"""Seconds to wait for a lock before looking whether the container runs by now."""
_PATIENCE: Final = 60.0
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class BeingRemoved(Conflict):
    """A container is being taken away."""


class Roots(Protocol):
    """Mounts the root file systems of containers."""

    def mount(self, record: ContainerRecord, upper: int, work: int) -> int:
        """The image of a container with a folder for its changes on top, detached and writable."""

    def view(self, record: ContainerRecord) -> int:
        """The image of a container alone, detached and read-only."""


class Changed(msgspec.Struct, frozen=True):
    """What a container changed.

    Attributes:
        upper: descriptor of its upper directory.
        lower: of the tree of its image.
        made: paths from the root of what was made in it to mount on what every container has; see
            `container/changes`.
        whole: whether the upper directory is the whole tree, and not only what differs.
    """

    upper: int
    lower: int
    made: frozenset[bytes] = frozenset()
    whole: bool = False


class Views:
    """Hands out the trees of the containers of one store."""

    def __init__(self, containers: Containers, roots: Roots, fill: Fill) -> None:
        """Use these parts.

        Args:
            containers: the rows.
            roots: mounts their images.
            fill: gives a new volume what the image has at its place.
        """
        self._containers = containers
        self._roots = roots
        self._fill = fill

    @contextmanager
    def changed(self, record: ContainerRecord) -> Iterator[Changed]:
        """What a container changed, to be read.

        Raises:
            BeingRemoved: it is being taken away.
            ShaleError: the image cannot be mounted.
        """
        _check(record)
        with ExitStack() as stack:
            upper = self._upper(record)
            stack.callback(os.close, upper)
            lower = self._roots.view(record)
            stack.callback(os.close, lower)
            yield Changed(upper, lower, self._made(record), whole=self._is_copied(record))

    def _upper(self, record: ContainerRecord) -> int:
        path = self._containers.folders.path(record.id) / UPPER
        try:
            path.mkdir(mode=0o755, exist_ok=True)  # nothing has run in it yet
            return os.open(path, _FOLDER)
        except FileNotFoundError:
            raise ContainerNotFound(record.id) from None

    def _is_copied(self, record: ContainerRecord) -> bool:
        try:
            work = os.open(self._containers.folders.path(record.id) / WORK, _FOLDER)
        except FileNotFoundError:
            return False
        try:
            return is_copied(work)
        finally:
            os.close(work)

    def cgroup(self, record: ContainerRecord) -> str:
        """The path of a container's control group; empty where it has none."""
        return self._prepared(record).cgroup

    def _prepared(self, record: ContainerRecord) -> Prepared:
        folder = os.open(self._containers.folders.path(record.id), _FOLDER)
        try:
            return read_prepared(folder)
        finally:
            os.close(folder)

    def _made(self, record: ContainerRecord) -> frozenset[bytes]:
        """What was made for mounts, without what was made for those that the caller asked for."""
        made = {os.fsencode(path) for path in self._prepared(record).made}
        asked = [os.fsencode(absolute(wish.target)) for wish in decode_wishes(record.spec.wishes).mounts]
        asked += [os.fsencode(absolute(path)) for path in record.spec.config.get("Volumes") or ()]
        return frozenset(one for one in made if not any((path + b"/").startswith(one + b"/") for path in asked))

    @contextmanager
    def merged(self, record: ContainerRecord, *, mounts: bool) -> Iterator[int]:
        """The tree that a container sees.

        Args:
            record: which.
            mounts: whether what is mounted in it belongs to it: all in a running one, else binds and volumes.

        Raises:
            BeingRemoved: it is being taken away.
            ContainerBusy: it neither runs nor can be held.
            ShaleError: it cannot be mounted.
        """
        with ExitStack() as stack:
            yield self._tree(record, stack, mounts=mounts)

    def _tree(self, record: ContainerRecord, stack: ExitStack, *, mounts: bool) -> int:
        deadline = time.monotonic() + _PATIENCE
        while True:
            _check(record)
            if time.monotonic() >= deadline:
                raise ContainerBusy(f"container {record.short} is in use by another process; try again")
            if record.state is State.RUNNING and record.process is not None:
                try:
                    root = root_of(record.process, mounts=mounts)
                except ProcessLookupError:  # it has ended, or begun again, since we looked
                    time.sleep(_GLANCE)
                    record = self._containers.find(record.id)
                    continue
                stack.callback(os.close, root)
                return root
            with ExitStack() as held:
                try:
                    folder = held.enter_context(self._containers.folders.hold(record.id, patience=_GLANCE))
                except ContainerBusy:
                    record = self._containers.find(record.id)
                    continue
                record = self._containers.settled(folder)
                if record.state not in (State.RUNNING, State.REMOVING):
                    root = self._mount(record, folder)
                    if mounts:
                        root = with_mounts(root, folder, record, self._fill)
                    # In this order: the lock is given up when nothing is mounted any more.
                    stack.push(held.pop_all())
                    stack.callback(os.close, root)
                    return root

    def _mount(self, record: ContainerRecord, held: HeldFolder) -> int:
        upper = held.part(UPPER, 0o755)
        try:
            work = held.part(WORK)
            try:
                return self._roots.mount(record, upper, work)
            finally:
                os.close(work)
        finally:
            os.close(upper)


def _check(record: ContainerRecord) -> None:
    if record.state is State.REMOVING:
        raise BeingRemoved(f"container {record.short} is being removed")
