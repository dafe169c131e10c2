"""`-e`, `--env-file`, `-l` and `--label-file`: names with values, typed, from files, from our environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from shale.errors import Invalid, NotFound

__all__ = ["InvalidVariable", "labels_from", "variables_from"]


class InvalidVariable(Invalid):
    """A line of a file, or a flag, is no name with a value."""


def variables_from(files: Iterable[str], flags: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """Variables for a container, those of files first.

    Args:
        files: of `--env-file`; a name without a value takes ours, where we have it.
        flags: of `-e`; a name without a value takes ours, and where we have none the image's goes too.
        environ: our variables.

    Raises:
        InvalidVariable: a malformed line.
        NotFound: a file is not there.
    """
    variables = []
    for name, value in (pair for path in files for pair in _lines(path)):
        if value is not None:
            variables.append(f"{name}={value}")
        elif name in environ:
            variables.append(f"{name}={environ[name]}")
    for text in flags:
        name, equals, value = text.partition("=")
        if not name:
            raise InvalidVariable(f"invalid environment variable: {text}")
        if equals:
            variables.append(text)
        else:
            variables.append(f"{name}={environ[name]}" if name in environ else name)
    return variables


def labels_from(files: Iterable[str], flags: Iterable[str]) -> dict[str, str]:
    """Labels for a container, those of flags over those of files; one without a value is empty.

    Raises:
        InvalidVariable: a malformed line.
        NotFound: a file is not there.
    """
    labels = {name: value or "" for path in files for name, value in _lines(path)}
    for text in flags:
        name, _, value = text.partition("=")
        if not name:
            raise InvalidVariable(f"invalid label '{text}': empty name")
        labels[name] = value
    return labels


def _lines(path: str) -> Iterator[tuple[str, str | None]]:
    """The names of a file, with their values where they have any."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"open {path}: no such file or directory") from None
    except IsADirectoryError:
        raise InvalidVariable(f"read {path}: is a directory") from None
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            line = raw.decode().lstrip()
        except UnicodeDecodeError:
            raise InvalidVariable(f"invalid env file ({path}): line {number} is not UTF-8") from None
        if line and not line.startswith("#"):
            yield _pair(line, path)


def _pair(line: str, path: str) -> tuple[str, str | None]:
    name, equals, value = line.partition("=")
    if not name:
        raise InvalidVariable(f"invalid env file ({path}): no variable name on line '{line}'")
    if any(mark.isspace() for mark in (name if equals else name.rstrip())):
        raise InvalidVariable(f"invalid env file ({path}): variable '{name}' contains whitespaces")
    return (name, value) if equals else (name.rstrip(), None)
