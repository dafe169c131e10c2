"""What running a container needs of other floors: a root file system, a bundle, a program that runs it.

The engine puts the real ones together; tests have fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from shale.container.folders import HeldFolder
from shale.container.record import ContainerRecord
from shale.runtime.driver import Driver

__all__ = ["Bundles", "Mounting", "Roots", "Workshop"]

T = TypeVar("T")


class Roots(Protocol):
    """Makes the root file systems of containers."""

    def mount(self, record: ContainerRecord, upper: int, work: int, *, volatile: bool = False) -> int:
        """Stack the image of a container, with a folder for its changes on top.

        Args:
            record: whose image.
            upper: descriptor of the folder that takes the changes.
            work: descriptor of overlay's own folder beside it.
            volatile: whether its changes go with its end: then it cannot be mounted again.

        Returns:
            A descriptor of a detached mount; the caller closes it.

        Raises:
            NotFound: the image, or a layer of it, is not here.
            Corrupt: a layer is damaged and cannot be made again.
        """


class Bundles(Protocol):
    """Writes what an OCI runtime reads."""

    def write(self, record: ContainerRecord, held: HeldFolder) -> Sequence[str]:
        """Write the bundle of a container into its folder; called where its root file system is mounted.

        Args:
            record: which.
            held: its folder, with the root mounted at `rootfs` in it.

        Returns:
            What cannot be as it should, for a person.

        Raises:
            ShaleError: what it wishes cannot be had.
        """


class Mounting(Protocol):
    """`shale.linux.mount`, as far as it is used here."""

    def in_private_mounts(self, work: Callable[[], T]) -> T:
        """Do something in a mount namespace that ends with it, and with the processes that it starts."""

    def attach(self, mount: int, place: int | str) -> None:
        """Give a detached mount a place."""


class Workshop(NamedTuple):
    """The parts with which containers are run.

    Attributes:
        roots: root file systems.
        bundles: what the runtime reads.
        driver: gives the program that runs them; it is looked for when the first container needs it.
        mounting: the kernel's mounts.
    """

    roots: Roots
    bundles: Bundles
    driver: Callable[[], Driver]
    mounting: Mounting
