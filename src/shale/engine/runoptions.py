"""What can be said about a container that is made or started, beyond its image and its command."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, TypedDict

if TYPE_CHECKING:
    from shale.engine.policy import Policy
    from shale.events import Listener
    from shale.runtime.wishes import RunWishes

__all__ = ["MOST_KEPT", "ContainerOptions", "RunOptions", "StreamOptions"]

MOST_KEPT: Final = 16 * 1024 * 1024
"""Bytes of each output of a container that are kept in memory, where nothing else is said."""


class ContainerOptions(TypedDict, total=False):
    """For a container that is made.

    Attributes:
        wishes: everything that `shale create` has flags for; by default nothing.
        name: of the container; by default a random one.
        remove: whether it goes when its process has ended.
        platform: of the image; by default this machine's.
        policy: when to ask the registry for the image; by default where it is missing.
        listener: told the progress of a pull.
    """

    wishes: RunWishes
    name: str
    remove: bool
    platform: str | None
    policy: Policy
    listener: Listener


class StreamOptions(TypedDict, total=False):
    """For a container that is started.

    Attributes:
        stdin: what it reads: bytes, or an open file with a descriptor; by default nothing.
        stdout: an open file with a descriptor that gets its standard output; by default that is kept.
        stderr: the same for its standard error.
        limit: bytes of each output that are kept at most; by default `MOST_KEPT`.
    """

    stdin: bytes | BinaryIO | None
    stdout: BinaryIO | None
    stderr: BinaryIO | None
    limit: int


class RunOptions(ContainerOptions, StreamOptions, total=False):
    """For a container that is made and started at once; `remove` is true where nothing else is said."""
