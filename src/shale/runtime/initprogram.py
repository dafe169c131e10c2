"""The small init of `--init`: a program of the distribution that reaps and passes signals on.

It runs inside the container, where none of the host's libraries are: only a static one will do.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from typing import Final

from shale.errors import NotFound
from shale.linux.installing import how_to_install
from shale.linux.process import ProgramNotFound, find_program

__all__ = ["INIT_PATH", "InitMissing", "find_init", "is_static"]

INIT_PATH: Final = "/dev/init"
"""Where a container has it: in the /dev that the runtime makes, so that nothing of the image is touched."""
_NAMES: Final = ("catatonit", "docker-init", "tini-static", "tini", "dumb-init")
_PLACES: Final = (
    "/usr/libexec/podman/catatonit",
    "/usr/lib/podman/catatonit",
    "/usr/libexec/docker/docker-init",
)
_WIDE: Final = 2
_BIG_ENDIAN: Final = 2
_INTERPRETER: Final = 3
"""PT_INTERP of elf(5): the program asks for a dynamic linker."""


class InitMissing(NotFound):
    """There is no static init on this machine."""


def find_init(environ: Mapping[str, str], places: Sequence[str] = _PLACES) -> str:
    """The path of an init on the host.

    Args:
        environ: whose PATH is searched first.
        places: where distributions have one beside PATH.

    Raises:
        InitMissing: none is installed; how to install one is in the message.
    """
    for path in (*_on_path(environ), *places):
        if os.access(path, os.X_OK) and is_static(path):
            return path
    raise InitMissing(f"--init needs a small static init, and there is none; {how_to_install('catatonit')}")


def _on_path(environ: Mapping[str, str]) -> list[str]:
    found = []
    for name in _NAMES:
        try:
            found.append(find_program(name, environ))
        except ProgramNotFound:
            continue
    return found


def is_static(path: str) -> bool:
    """Whether a program needs no dynamic linker (elf(5))."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if len(head) < 64 or not head.startswith(b"\x7fELF"):
                return False
            order = ">" if head[5] == _BIG_ENDIAN else "<"
            # Where the table of program headers is, how long one is, how many there are.
            places = ("Q", 32, 54) if head[4] == _WIDE else ("I", 28, 42)
            (offset,) = struct.unpack_from(order + places[0], head, places[1])
            size, count = struct.unpack_from(order + "HH", head, places[2])
            file.seek(offset)
            table = file.read(size * count)
    except OSError:
        return False
    kinds = [struct.unpack_from(order + "I", table, at)[0] for at in range(0, len(table) - 3, max(size, 4))]
    return bool(kinds) and _INTERPRETER not in kinds
