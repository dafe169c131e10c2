"""System calls that Python has no function for, by way of the C library.

Errors come as `OSError` with the kernel's number, as from `os`.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Final

__all__ = ["AT_EMPTY_PATH", "library", "system"]

AT_EMPTY_PATH: Final = 0x1000


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _passed(value: int | bytes | None) -> ctypes.c_long | bytes | None:
    # Where nothing says otherwise ctypes passes 32 bits of a number.
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def system(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call by its number.

    Args:
        number: for calls from 403 on the same on every processor.
        arguments: whole numbers, texts (a NUL is added), or None for a null pointer.

    Raises:
        OSError: what the kernel says.
    """
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_passed, arguments)))


def library(name: str, *arguments: int | bytes | None) -> int:
    """Call a function of the C library that answers with a negative number when it fails.

    Args:
        name: of a call whose number is not the same on every processor: `mount`, `umount2`, `unshare`.
        arguments: as in `system`.

    Raises:
        OSError: what the kernel says.
    """
    return _checked(_libc()[name](*map(_passed, arguments)))
