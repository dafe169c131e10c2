"""Finding what a path means in a container: below the root of its tree, whatever links and `..` say."""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from shale.container.files.copyrules import Destination, clean, keep_ending, wants_folder
from shale.errors import Conflict, Invalid, NotFound
from shale.linux.beneath import open_beneath

__all__ = ["NoSuchPath", "NotADirectory", "absolute", "destination_inside", "open_folder", "open_source"]

_LINKS: Final = 40
_MISSING: Final = (errno.ENOENT, errno.ENAMETOOLONG)


class NoSuchPath(NotFound):
    """A container has no such file."""

    def __init__(self, path: str, container: str) -> None:
        super().__init__(f"could not find the file {path} in container {container}")


class NotADirectory(Conflict):
    """A path goes on, or ends in a slash, after something that is no folder."""

    def __init__(self, path: str, container: str) -> None:
        super().__init__(f"not a directory: {path} in container {container}")


def absolute(path: str) -> str:
    """A path as typed, from the root, with its ending.

    Raises:
        Invalid: it is empty, or holds a NUL.
    """
    if not path:
        raise Invalid("the path in the container is empty: CONTAINER:PATH is expected, / for all")
    if "\0" in path:
        raise Invalid("a path cannot hold a NUL")
    return keep_ending(clean("/" + path), path)


def open_source(root: int, path: str, container: str, *, follow: bool) -> int:
    """Open what should be copied (O_PATH); the caller closes it.

    Args:
        root: descriptor of the container's tree.
        path: from `absolute`; one that ends in a slash or dot is a folder, links followed.
        container: as named by the caller.
        follow: whether a last component that is a link is followed.

    Raises:
        NoSuchPath: there is nothing of that name.
        NotADirectory: something on the way is no folder.
    """
    flags = os.O_PATH | (os.O_DIRECTORY if wants_folder(path) else 0 if follow else os.O_NOFOLLOW)
    return _open(root, path, container, flags)


def open_folder(root: int, path: str, container: str) -> int:
    """Open a folder to put something in (O_PATH), links followed; errors as `open_source`."""
    return _open(root, path, container, os.O_PATH | os.O_DIRECTORY)


def _open(root: int, path: str, container: str, flags: int) -> int:
    try:
        return open_beneath(root, os.fsencode(path), flags)
    except OSError as failure:
        if failure.errno in _MISSING:
            raise NoSuchPath(path, container) from None
        if failure.errno == errno.ENOTDIR:
            raise NotADirectory(path, container) from None
        if failure.errno == errno.ELOOP:
            raise Conflict(f"too many symbolic links in {path} of container {container}") from None
        raise


def destination_inside(root: int, path: str, container: str) -> Destination:
    """What is where something should be copied to; where that is a link, at its end, be there something or not.

    Args:
        root: descriptor of the container's tree.
        path: from `absolute`.
        container: as named by the caller.

    Raises:
        Invalid: it is a device.
    """
    here = path
    for _ in range(_LINKS):
        try:
            found = open_beneath(root, os.fsencode(here), os.O_PATH | os.O_NOFOLLOW)
        except OSError as failure:
            if failure.errno == errno.ELOOP:
                return Destination(path, exists=False, is_folder=False)
            if failure.errno in (*_MISSING, errno.ENOTDIR):
                return Destination(keep_ending(here, path), exists=False, is_folder=False)
            raise
        try:
            mode = os.fstat(found).st_mode
            if not stat.S_ISLNK(mode):
                if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                    raise Invalid(
                        f'destination "{container}:{path}" must be a directory or a regular file: got a device'
                    )
                return Destination(keep_ending(here, path), exists=True, is_folder=stat.S_ISDIR(mode))
            target = os.readlink("", dir_fd=found)
        finally:
            os.close(found)
        # Not cleaned: the kernel goes back from where a link leads, not from where its name stands.
        here = os.path.join(os.path.dirname(here), target)
    # Links that go round lead nowhere: the first of them is what is replaced.
    return Destination(path, exists=False, is_folder=False)
