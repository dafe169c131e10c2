"""Mount namespaces in which what is mounted stays private.

Specification: mount_namespaces(7), unshare(2).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Final, TypeVar

from shale.linux.mounterrors import mount_errors
from shale.linux.syscall import library

__all__ = ["in_private_mounts"]

_T = TypeVar("_T")

_REC: Final = 1 << 14
_SLAVE: Final = 1 << 19
_NEW_MOUNTS: Final = 0x00020000


def in_private_mounts(work: Callable[[], _T]) -> _T:
    """Do work in a mount namespace of its own, which only it and the processes that it starts are in.

    What is mounted there is not seen elsewhere, and gone when the last of them has ended, however it ended.
    What is mounted and unmounted outside meanwhile is seen inside. The work is done in a thread of its own,
    whose current folder is its own too; descriptors opened before lead outside: what they reach can be read
    and written, but not mounted on. While the caller waits, its signal handlers run; one that raises ends
    the wait but not the work.

    Args:
        work: called once; its result and its exceptions are handed on.

    Raises:
        MountDenied: neither root nor in a user namespace of one's own.
    """
    results: list[_T] = []
    failures: list[BaseException] = []

    def inside() -> None:
        try:
            with mount_errors("making a mount namespace"):
                library("unshare", _NEW_MOUNTS)
                library("mount", None, b"/", None, _REC | _SLAVE, None)
            results.append(work())
        except BaseException as failure:  # noqa: BLE001 - handed to the thread that waits
            failures.append(failure)

    thread = Thread(target=inside, name="shale-mounts")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
