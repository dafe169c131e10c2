"""Where a copy lands: docker's rules for paths, trailing slashes and `/.`, as pure functions of text.

A path that ends in `/` or `/.` says that it is a folder, and `FOLDER/.` means what is in it; so neither ending
may be lost when a path is cleaned.

Specification: docs.docker.com "docker container cp". Where it leaves room, what docker 20.10 does.
"""

from __future__ import annotations

import posixpath
from typing import Final

import msgspec

from shale.errors import Conflict, Invalid, NotFound

__all__ = [
    "CannotCopyFolder",
    "Destination",
    "Goal",
    "NoSuchFolder",
    "Place",
    "clean",
    "goal_of",
    "keep_ending",
    "parse_place",
    "split_entry",
    "wants_content",
    "wants_folder",
]

CONTENT: Final = "."
"""The last component of a path that means what is in a folder, and not the folder."""


class CannotCopyFolder(Conflict):
    """A folder cannot be copied onto a file."""


class NoSuchFolder(NotFound):
    """The destination says that it is a folder, and there is none."""


class Place(msgspec.Struct, frozen=True):
    """One side of a copy.

    Attributes:
        container: name or id; None where the path is one of this machine.
        path: as typed.
    """

    container: str | None
    path: str


class Destination(msgspec.Struct, frozen=True):
    """What is where a copy should go.

    Attributes:
        path: links followed, its ending kept.
        exists: whether there is something.
        is_folder: whether that is a folder.
    """

    path: str
    exists: bool
    is_folder: bool


class Goal(msgspec.Struct, frozen=True):
    """Where the entries of a copy go.

    Attributes:
        folder: the folder to put them in.
        name: what the first component of their names becomes.
    """

    folder: str
    name: str


def parse_place(text: str) -> Place:
    """Read `CONTAINER:PATH` or a path of this machine: absolute, or beginning with a dot, or without a colon.

    Raises:
        Invalid: no container is named before the colon.
    """
    container, colon, path = text.partition(":")
    if not colon or text.startswith(("/", ".")):
        return Place(None, text)
    if not container:
        raise Invalid(f"no container is named in {text!r}: CONTAINER:PATH is expected")
    return Place(container, path)


def clean(path: str) -> str:
    """The shortest path that means the same by text alone."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def wants_folder(path: str) -> bool:
    """Whether a path says by its ending that it is a folder."""
    return path.endswith("/") or wants_content(path)


def wants_content(path: str) -> bool:
    """Whether a path means what is in a folder: it ends in `/.`, or is a dot."""
    return path == CONTENT or path.endswith("/.")


def keep_ending(cleaned: str, original: str) -> str:
    """A cleaned path with the ending that the original had."""
    if wants_content(original):
        return cleaned if wants_content(cleaned) else cleaned.rstrip("/") + "/."
    return cleaned if not original.endswith("/") or cleaned.endswith("/") else cleaned + "/"


def split_entry(path: str) -> tuple[str, str]:
    """A path as folder and last component; the component of `FOLDER/.` is the dot, that of the root `/`."""
    cleaned = clean(path)
    if wants_content(path):
        return cleaned, CONTENT
    return (posixpath.dirname(cleaned) or "."), (posixpath.basename(cleaned) or "/")


def goal_of(name: str, destination: Destination, *, from_folder: bool) -> Goal:
    """Decide where a copy goes, and under which name.

    Args:
        name: of the source: its last component, which may be the dot.
        destination: what is there.
        from_folder: whether the source is a folder.

    Raises:
        CannotCopyFolder: the source is a folder and the destination a file.
        NoSuchFolder: the source is a file, and the destination says that it is a folder, and is not there.
    """
    if destination.exists and destination.is_folder:
        return Goal(destination.path, name)
    if destination.exists and from_folder:
        raise CannotCopyFolder(f"cannot copy directory: {destination.path} is a file")
    if not destination.exists and not from_folder and wants_folder(destination.path):
        raise NoSuchFolder(f"no such directory: {destination.path}; make it, or leave the slash at its end out")
    folder, base = posixpath.split(_without_ending(destination.path))
    return Goal(folder or ".", base)


def _without_ending(path: str) -> str:
    return path.removesuffix(".").rstrip("/") if wants_folder(path) else path
