"""Snapshots: the layers of an image, stacked into one file system; what containers stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import msgspec

from shale.oci.digest import ChainID
from shale.snapshot.corrections import Corrections
from shale.snapshot.layers import Check, LayerKey, Layers, close_all

__all__ = ["Snapshot", "Snapshots", "Stack", "StackOf"]


class Stack(Protocol):
    """Lower directories of an overlay, on top of each other."""

    def view(self) -> int:
        """A detached mount, read-only; the descriptor is the caller's."""

    def mount(self, upper: int, work: int, *, volatile: bool = False) -> int:
        """A detached mount that keeps changes in an upper directory; the descriptor is the caller's."""


StackOf = Callable[[Sequence[int]], Stack]
"""Stacks the roots of layers, topmost first; the descriptors stay the caller's."""


class Snapshot(msgspec.Struct, frozen=True):
    """The layers of an image, held open.

    Attributes:
        chain: the ChainID of the layers.
    """

    chain: ChainID
    _stack: Stack

    def view(self) -> int:
        """Mount it read-only, without a place.

        Returns:
            A descriptor of the mount's root, the caller's; the mount ends when it is closed, unless it was
            attached to a place before.

        Raises:
            ShaleError: it cannot be mounted.
        """
        return self._stack.view()

    def mount(self, upper: int, work: int, *, volatile: bool = False) -> int:
        """Mount it so that changes go to an upper directory, without a place; as `view`.

        Args:
            upper: descriptor of the folder of changes.
            work: descriptor of a folder beside it, empty the first time, for overlay alone.
            volatile: whether changes need not survive a power cut.
        """
        return self._stack.mount(upper, work, volatile=volatile)


class Snapshots:
    """The snapshots of one store. Safe to use from threads and processes."""

    def __init__(self, layers: Layers, corrections: Corrections, stack_of: StackOf) -> None:
        """Prepare.

        Args:
            layers: the mountable layers.
            corrections: what chains need beyond them.
            stack_of: puts them on top of each other.
        """
        self.layers = layers
        self._corrections = corrections
        self._stack_of = stack_of

    @contextmanager
    def open(self, layers: Sequence[LayerKey], check: Check = lambda: None) -> Iterator[Snapshot]:
        """Hold the layers of an image open as one; those that are not mountable yet are made so.

        Args:
            layers: bottom first; their blobs must stay: a name, a container or a lease reaches them.
            check: called often, from several threads; it may raise to stop.

        Raises:
            ShaleError: see `Layers.ensure` and `Layers.open_all`.
        """
        lowers = self.layers.open_all(layers, check)
        try:
            correction = self._corrections.open(layers, check)
            if correction is not None:
                lowers.insert(0, correction)
            yield Snapshot(Layers.chain_of(layers), self._stack_of(lowers))
        finally:
            close_all(lowers)
