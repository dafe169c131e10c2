"""A file as a block device, for kernels that mount EROFS from nothing else (before 6.12).

The device is let go of by the kernel with its last user (autoclear): nothing has to be cleaned up, not even
after a kill.

Specification: loop(4), LOOP_CONFIGURE (Linux 5.8).
"""

from __future__ import annotations

import errno
import os
import struct
from fcntl import ioctl
from typing import Final

from shale.linux.mounterrors import mount_errors

__all__ = ["loop_device"]

_CONFIGURE: Final = 0x4C0A
_GET_FREE: Final = 0x4C82
_READ_ONLY: Final = 1
_AUTOCLEAR: Final = 4
_INFORMATION: Final = struct.Struct("<5Q4I64s64s32s2Q")
_CONFIGURATION: Final = struct.Struct(f"<2I{_INFORMATION.size}s64x")
_SECTOR: Final = 512
_TRIES: Final = 64
"""Others take the free device between our two calls: as many of them may come first."""


def loop_device(file: int) -> int:
    """Make a read-only block device of a file.

    Args:
        file: descriptor, open for reading.

    Returns:
        A descriptor of the device, which lives until that and everything mounted from it are gone.

    Raises:
        MountDenied: not root, or devices are not allowed here.
        MountUnsupported, MountLimit, NoSuchPlace: there are no loop devices, or no free ones.
    """
    nothing = bytes(64)
    flags = _READ_ONLY | _AUTOCLEAR
    information = _INFORMATION.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, nothing, nothing, nothing[:32], 0, 0)
    configuration = _CONFIGURATION.pack(file, _SECTOR, information)
    with mount_errors("taking a loop device"):
        control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        try:
            for _ in range(_TRIES):
                device = os.open(f"/dev/loop{ioctl(control, _GET_FREE)}", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    ioctl(device, _CONFIGURE, configuration)
                except OSError as error:
                    os.close(device)
                    if error.errno != errno.EBUSY:
                        raise
                else:
                    return device
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(control)
