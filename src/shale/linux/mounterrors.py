"""Why something cannot be mounted, by kind, with what to do about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from shale.errors import Conflict, Denied, Exhausted, Invalid, NotFound, ShaleError, Unsupported

__all__ = [
    "MountBusy",
    "MountDenied",
    "MountLimit",
    "MountRefused",
    "MountUnsupported",
    "NoSuchPlace",
    "mount_error",
    "mount_errors",
]

_DENIED: Final = (errno.EPERM, errno.EACCES)
_UNKNOWN: Final = (errno.ENODEV, errno.ENOSYS, errno.ENOTBLK, errno.EOPNOTSUPP)
_LIMITS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EUSERS)
_PLACES: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


class MountDenied(Denied):
    """This user may not mount here."""


class MountUnsupported(Unsupported):
    """The kernel does not have the file system, or not this way to mount it."""


class MountLimit(Exhausted):
    """The kernel, or this process, has no room for one more mount or descriptor."""


class MountBusy(Conflict):
    """Something is still used there."""


class NoSuchPlace(NotFound):
    """There is nothing at the path, or nothing mounted."""


class MountRefused(Invalid):
    """The kernel does not take what it was given: a damaged file system, options that do not fit.

    Args:
        message: the sentence.
        number: errno.
        kernel: what the kernel said about it, most often nothing.
    """

    def __init__(self, message: str, number: int, kernel: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.number = number
        self.kernel = tuple(kernel)


def mount_error(doing: str, error: OSError, kernel: Sequence[str] = ()) -> ShaleError:
    """The kind of an error of a mounting system call.

    Args:
        doing: what was being done, for the message: `mounting a layer`.
        error: from the call.
        kernel: what the kernel wrote about it.
    """
    number = error.errno or 0
    said = "".join(f" ({line})" for line in kernel)
    reason = f"{doing}: {os.strerror(number).lower()}{said}"
    if number in _DENIED:
        return MountDenied(
            f"{reason}; only root may mount that, or a user in a user namespace of their own (shale unshare)"
        )
    if number in _UNKNOWN:
        return MountUnsupported(f"{reason}; the kernel is too old for it, or lacks a module (shale info)")
    if number in _LIMITS:
        return MountLimit(f"{reason}; unmount something, or raise the limit of open files (ulimit -n)")
    if number == errno.EBUSY:
        return MountBusy(f"{reason}; stop what works there and try again")
    if number in _PLACES:
        return NoSuchPlace(f"{reason}; make it first")
    return MountRefused(reason, number, kernel)


@contextmanager
def mount_errors(doing: str) -> Iterator[None]:
    """Turn errors of mounting system calls into kinds.

    Args:
        doing: as in `mount_error`.

    Raises:
        MountDenied, MountUnsupported, MountLimit, MountBusy, NoSuchPlace, MountRefused: see there.
    """
    try:
        yield
    except OSError as error:
        raise mount_error(doing, error) from error
