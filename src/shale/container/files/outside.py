"""The side of a copy that is on this machine: a path as docker's command reads it.

Specification: docs.docker.com "docker container cp".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shale.container.files.copyrules import Destination, clean, keep_ending, split_entry, wants_folder
from shale.errors import Conflict, Invalid, NotFound

__all__ = ["NoOutput", "check_output", "destination_outside", "here", "open_goal", "open_outside"]

_LINKS: Final = 10


class NoOutput(Invalid):
    """A destination on this machine cannot be written to."""


def here(path: str, current: str) -> str:
    """A path as typed, absolute, with its ending.

    Args:
        path: as typed.
        current: the folder that relative paths begin in.
    """
    return keep_ending(clean(os.path.join(current, path)), path)


def open_outside(path: str, *, follow: bool) -> int:
    """Open what should be copied (O_PATH); the caller closes it.

    Args:
        path: from `here`.
        follow: whether a last component that is a link is followed; one that ends in a slash or dot always is.

    Raises:
        NotFound: there is no such file.
        Conflict: it ends in a slash and is no folder.
    """
    flags = os.O_DIRECTORY if wants_folder(path) else 0 if follow else os.O_NOFOLLOW
    try:
        return os.open(path, os.O_PATH | os.O_CLOEXEC | flags)
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file or directory") from None
    except NotADirectoryError:
        raise Conflict(f"{path}: not a directory") from None


@contextmanager
def open_goal(folder: str) -> Iterator[int]:
    """The folder that a copy goes into (O_PATH).

    Raises:
        OSError: as the kernel says it.
    """
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def check_output(path: str) -> None:
    """Refuse a destination that cannot be one, before anything is read.

    Raises:
        NoOutput: its folder is missing, or it is a device.
    """
    folder = os.path.dirname(clean(path))
    if not os.path.exists(folder):
        raise NoOutput(f'invalid output path: directory "{folder}" does not exist')
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise NoOutput(f'invalid output path: "{path}" must be a directory or a regular file: got a device')


def destination_outside(path: str) -> Destination:
    """What is where something should be copied to; where that is a link, at its end, be there something or not.

    Args:
        path: from `here`.

    Raises:
        NotFound, Conflict: it cannot be reached.
    """
    place = path
    for _ in range(_LINKS):
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            folder = split_entry(place)[0]
            if not os.path.isdir(folder):
                raise NotFound(f"{folder}: no such directory") from None
            return Destination(place, exists=False, is_folder=False)
        except NotADirectoryError:
            raise Conflict(f"{place}: not a directory") from None
        if not stat.S_ISLNK(mode):
            return Destination(place, exists=True, is_folder=stat.S_ISDIR(mode))
        place = keep_ending(os.path.join(os.path.dirname(place), os.readlink(place)), path)
    raise Conflict(f"too many symbolic links in {path}")
