"""The files of a process in another mount namespace, seen from here.

Specification: setns(2), open_tree(2).
"""

from __future__ import annotations

import os
from typing import Final

from shale.linux.boot import ProcessIdentity, is_alive
from shale.linux.mounterrors import mount_error, mount_errors
from shale.linux.places import clone
from shale.linux.privatemounts import in_private_mounts
from shale.linux.syscall import library

__all__ = ["root_of"]

_NEW_MOUNTS: Final = 0x00020000


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
    # The folder in /proc stays that of this process, so that it is compared after it was opened.
    try:
        folder = os.open(f"/proc/{process.pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ProcessLookupError(process.pid) from None
    try:
        if not is_alive(process):
            raise ProcessLookupError(process.pid)
        try:
            namespace = os.open("ns/mnt", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            raise ProcessLookupError(process.pid) from None
        except OSError as error:
            raise mount_error("opening a mount namespace", error) from error
    finally:
        os.close(folder)

    def join() -> int:
        # From here on paths of this thread are those of strangers: nothing may be imported, nothing opened.
        with mount_errors("joining a mount namespace"):
            library("setns", namespace, _NEW_MOUNTS)
        return clone("/", recursive=mounts)

    try:
        return in_private_mounts(join)
    finally:
        os.close(namespace)
