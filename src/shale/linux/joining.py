"""Going where another process is: its user namespace, and the files of its mount namespace.

Specification: setns(2), user_namespaces(7), open_tree(2).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from shale.linux.boot import ProcessIdentity, is_alive
from shale.linux.mounterrors import mount_error, mount_errors
from shale.linux.places import clone
from shale.linux.privatemounts import in_private_mounts
from shale.linux.syscall import library

__all__ = ["join_user_namespace", "root_of"]

_NEW_USER: Final = 0x10000000
_NEW_MOUNTS: Final = 0x00020000


def join_user_namespace(process: ProcessIdentity) -> None:
    """Become a member of the user namespace of a process; ours must be the one in which it was made.

    Args:
        process: in a user namespace that was made by this user. This process may have no threads.

    Raises:
        ProcessLookupError: the process has ended.
        OSError: the kernel refuses, because that namespace is somebody else's, or our own.
    """
    with _namespace_of(process, "user") as namespace:
        library("setns", namespace, _NEW_USER)


def root_of(process: ProcessIdentity, *, mounts: bool) -> int:
    """The root of the mount namespace of a process, as a detached mount.

    No path of the process's is walked, and nothing of its files is executed or read.

    Args:
        process: in a mount namespace that we may join.
        mounts: whether what is mounted there comes too; what is under those mounts is seen otherwise.

    Returns:
        A descriptor (O_PATH); the caller closes it.

    Raises:
        ProcessLookupError: the process has ended.
        MountDenied: not allowed to join its namespace.
    """
    with ExitStack() as held:
        try:
            namespace = held.enter_context(_namespace_of(process, "mnt"))
        except ProcessLookupError:
            raise
        except OSError as error:
            raise mount_error("opening a mount namespace", error) from error

        def join() -> int:
            # From here on paths of this thread are those of strangers: nothing may be imported, nothing opened.
            with mount_errors("joining a mount namespace"):
                library("setns", namespace, _NEW_MOUNTS)
            return clone("/", recursive=mounts)

        return in_private_mounts(join)


@contextmanager
def _namespace_of(process: ProcessIdentity, kind: str) -> Iterator[int]:
    """A descriptor of a namespace of exactly this process.

    Raises:
        ProcessLookupError: it has ended.
        OSError: it is somebody else's.
    """
    # The folder in /proc stays that of this process, so that it is compared after it was opened.
    try:
        folder = os.open(f"/proc/{process.pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ProcessLookupError(process.pid) from None
    try:
        if not is_alive(process):
            raise ProcessLookupError(process.pid)
        try:
            namespace = os.open(f"ns/{kind}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            raise ProcessLookupError(process.pid) from None
    finally:
        os.close(folder)
    try:
        yield namespace
    finally:
        os.close(namespace)
