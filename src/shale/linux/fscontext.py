"""A file system that is about to be mounted: its options one by one, then a detached mount.

A detached mount has no place in the tree of directories: it is a descriptor, and gone when that is closed.
The kernel says in words what it does not like about an option; they go into the error.

Specification: fsopen(2), fsconfig(2), fsmount(2); Linux 5.2.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from shale.linux.mounterrors import mount_error
from shale.linux.syscall import system

__all__ = ["FilesystemContext"]

_FSOPEN: Final = 430
_FSCONFIG: Final = 431
_FSMOUNT: Final = 432
_CLOEXEC: Final = 1
_SET_FLAG: Final = 0
_SET_STRING: Final = 1
_SET_DESCRIPTOR: Final = 5
_CREATE: Final = 6
_MESSAGES: Final = 64
"""Lines of the kernel that are read, so that reading ends."""


class FilesystemContext:
    """One file system while its options are collected. Use it as a context manager.

    Every method raises the kinds of `mounterrors`.

    Args:
        kind: the kernel's name of the file system: `erofs`, `overlay`, `tmpfs`.
        doing: what this is for, for messages: `mounting a layer`.
    """

    def __init__(self, kind: str, doing: str) -> None:
        self._doing = doing
        self._context = -1
        try:
            self._context = system(_FSOPEN, kind.encode(), _CLOEXEC)
        except OSError as error:
            raise mount_error(f"{doing} ({kind})", error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._context)

    def flag(self, key: str) -> None:
        """Set an option that has no value."""
        self._configure(_SET_FLAG, key, None, 0)

    def string(self, key: str, value: str) -> None:
        """Set an option to a text of at most 255 bytes."""
        self._configure(_SET_STRING, key, value, 0)

    def descriptor(self, key: str, descriptor: int) -> None:
        """Set an option to an open file or directory."""
        self._configure(_SET_DESCRIPTOR, key, None, descriptor)

    def mount(self, attributes: int = 0) -> int:
        """Make the file system, and mount it nowhere.

        Args:
            attributes: MOUNT_ATTR_* of the mount.

        Returns:
            A descriptor (O_PATH) of its root; when it is closed and the mount was not attached, that is gone.
        """
        self._configure(_CREATE, None, None, 0)
        try:
            return system(_FSMOUNT, self._context, _CLOEXEC, attributes)
        except OSError as error:
            raise mount_error(self._doing, error, self._messages()) from error

    def _configure(self, command: int, key: str | None, value: str | None, number: int) -> None:
        try:
            system(
                _FSCONFIG,
                self._context,
                command,
                None if key is None else key.encode(),
                None if value is None else os.fsencode(value),
                number,
            )
        except OSError as error:
            raise mount_error(self._doing, error, self._messages()) from error

    def _messages(self) -> Sequence[str]:
        """What the kernel has written about this file system: `e overlay: Unknown parameter 'x'` and so on."""
        lines = []
        for _ in range(_MESSAGES):
            try:
                line = os.read(self._context, 4096)
            except OSError:  # no more
                break
            lines.append(line.decode("utf-8", "replace").strip().partition(" ")[2])
        return lines
