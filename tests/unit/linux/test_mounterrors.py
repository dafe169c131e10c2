from __future__ import annotations

import errno
import os

import pytest

from shale.errors import ShaleError
from shale.linux.mounterrors import (
    MountBusy,
    MountDenied,
    MountLimit,
    MountRefused,
    MountUnsupported,
    NoSuchPlace,
    mount_error,
    mount_errors,
)


@pytest.mark.parametrize(
    ("number", "kind", "advice"),
    [
        (errno.EPERM, MountDenied, "shale unshare"),
        (errno.EACCES, MountDenied, "only root"),
        (errno.ENODEV, MountUnsupported, "too old"),
        (errno.ENOSYS, MountUnsupported, "shale info"),
        (errno.ENOTBLK, MountUnsupported, "too old"),
        (errno.EMFILE, MountLimit, "ulimit -n"),
        (errno.ENOSPC, MountLimit, "unmount something"),
        (errno.EBUSY, MountBusy, "try again"),
        (errno.ENOENT, NoSuchPlace, "make it first"),
        (errno.EINVAL, MountRefused, "invalid argument"),
        (errno.EUCLEAN, MountRefused, "mounting it"),
    ],
)
def test_errors_of_mounting_have_kinds_and_advice(number: int, kind: type[ShaleError], advice: str) -> None:
    with pytest.raises(kind, match="mounting it: ") as raised, mount_errors("mounting it"):
        raise OSError(number, os.strerror(number))
    assert advice in raised.value.message
    assert isinstance(raised.value.__cause__, OSError)


def test_what_the_kernel_said_is_in_the_message() -> None:
    error = mount_error("mounting it", OSError(errno.EINVAL, "x"), ["overlay: Unknown parameter 'x'"])
    assert isinstance(error, MountRefused)
    assert error.message == "mounting it: invalid argument (overlay: Unknown parameter 'x')"
    assert (error.number, error.kernel) == (errno.EINVAL, ("overlay: Unknown parameter 'x'",))
