"""What a container's first process is: arguments, environment, folder; from an image's config and wishes.

Specification: image-spec config.md, `Entrypoint`, `Cmd`, `Env`, `WorkingDir`; docker's rules beyond it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shale.errors import Invalid
from shale.oci.config import Execution
from shale.runtime.wishes import RunWishes

__all__ = [
    "SEARCH_PATH",
    "InvalidProcess",
    "NoCommand",
    "absolute",
    "arguments",
    "entrypoint_and_command",
    "environment",
    "merged_variables",
    "with_init",
    "working_folder",
]

SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""`PATH` of a process whose image says nothing."""
_LONGEST: Final = 128 * 1024 - 1
"""Bytes of one argument or variable: MAX_ARG_STRLEN of execve(2), less its NUL."""


class InvalidProcess(Invalid):
    """What should run cannot be said to the kernel."""


class NoCommand(Invalid):
    """Neither the image nor the caller says what to run."""


def entrypoint_and_command(image: Execution, wishes: RunWishes) -> tuple[Sequence[str], Sequence[str]]:
    """What runs, in its two parts; an entrypoint of the wishes drops the image's command too."""
    if wishes.entrypoint is not None:
        return wishes.entrypoint, wishes.args
    return image.entrypoint or (), wishes.args or image.cmd or ()


def arguments(image: Execution, wishes: RunWishes) -> list[str]:
    """What to run.

    Raises:
        NoCommand: nothing.
        InvalidProcess: an argument with a NUL, or too long for the kernel.
    """
    entrypoint, command = entrypoint_and_command(image, wishes)
    words = [*entrypoint, *command]
    if not words or not words[0]:
        raise NoCommand("no command specified: the image has none, so name one after the image")
    return [_passable(word, "an argument") for word in words]


def environment(image: Execution, wishes: RunWishes, *, home: str, hostname: str) -> list[str]:
    """Its variables: some that every process has, the image's, the caller's; the last of a name counts.

    Args:
        image: the image's execution parameters; what is no `NAME=value` in them is passed over.
        wishes: a bare `NAME` takes a variable away.
        home: of the user.
        hostname: of the container.

    Raises:
        InvalidProcess: a variable with a NUL, or too long for the kernel.
    """
    given = {"PATH": SEARCH_PATH, "HOSTNAME": hostname}
    if wishes.tty:
        given["TERM"] = "xterm"
    variables = merged_variables(given, image, wishes)
    variables.setdefault("HOME", home)
    return [_passable(f"{name}={value}", "a variable of the environment") for name, value in variables.items()]


def merged_variables(given: Mapping[str, str], image: Execution, wishes: RunWishes) -> dict[str, str]:
    """Variables by name: those given, with the image's over them, with the caller's over these.

    Args:
        given: what there is without either.
        image: what is no `NAME=value` in it is passed over.
        wishes: a bare `NAME` takes a variable away.
    """
    variables = {**given, **dict(_pairs(image.env or ()))}
    for entry in wishes.env:
        name, equals, value = entry.partition("=")
        if equals and name:
            variables[name] = value
        else:
            variables.pop(entry, None)
    return variables


def _pairs(entries: Iterable[str]) -> Iterable[tuple[str, str]]:
    for entry in entries:
        name, equals, value = entry.partition("=")
        if name and equals:
            yield name, value


def working_folder(image: Execution, wishes: RunWishes) -> str:
    """The folder to begin in: absolute, without `.` and `..`; not yet looked at.

    Raises:
        InvalidProcess: the caller's is relative, or it has a NUL.
    """
    if wishes.workdir and not wishes.workdir.startswith("/"):
        raise InvalidProcess(f"the working directory {wishes.workdir[:200]!r} is not an absolute path")
    return absolute(_passable(wishes.workdir or image.working_dir or "/", "the working directory"))


def absolute(path: str) -> str:
    """A path of the container in its plainest form."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _passable(text: str, what: str) -> str:
    if "\0" in text:
        raise InvalidProcess(f"{what} has a NUL byte in it: {text[:100]!r}")
    if len(text) > _LONGEST or len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise InvalidProcess(
            f"{what} is longer than the {_LONGEST} bytes that the kernel takes: {text[:60]!r}..."
        )
    return text


def with_init(program: str, words: Sequence[str]) -> list[str]:
    """The same under an init that is the first process."""
    return [program, "--", *words]
