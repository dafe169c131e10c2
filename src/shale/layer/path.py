"""The names of a layer's entries, as paths below the root of a file system.

A name is text from outside: it is cut into components here, once, and from then on only components are used,
each below the descriptor of its folder. Nothing else in shale makes a path of a layer's names.

Specification: image-spec layer.md "Representing Changes"; Linux NAME_MAX.
"""

from __future__ import annotations

from typing import Final

from shale.layer.field import InvalidTar

__all__ = ["MAX_COMPONENT", "MAX_DEPTH", "MAX_LINKS", "components"]

MAX_COMPONENT: Final = 255
"""Bytes of one component: what every Linux file system takes."""
MAX_DEPTH: Final = 1024
"""Components of a path: deeper than any real layer, and few enough to walk."""
MAX_LINKS: Final = 255
"""Symbolic links on the way of one name: as containerd and umoci."""
_PLAIN: Final = (b"", b".", b"..")


def components(name: bytes, offset: int) -> tuple[bytes, ...]:
    """The path of an entry, or of what a hard link points at, from the root of the layer down.

    A leading slash means the root, as to every engine; `.` and doubled slashes mean nothing; `..` takes
    back the component before it, by text alone, and may not go above the root.

    Args:
        name: as the header says, `./usr/bin/env` or `/etc/` say.
        offset: of the header in the stream, for errors.

    Returns:
        The components; none for the root itself.

    Raises:
        InvalidTar: it goes above the root, holds a NUL, or is longer or deeper than a file system takes.
    """
    if b"\0" in name:
        raise InvalidTar(f"the name {name[:80]!r} holds a NUL", offset)
    parts = name.split(b"/")
    path = _without_dots(parts, offset) if b".." in parts else [one for one in parts if one not in _PLAIN]
    if len(path) > MAX_DEPTH:
        raise InvalidTar(f"the name {name[:80]!r} is deeper than {MAX_DEPTH} folders", offset)
    if len(name) > MAX_COMPONENT and any(len(part) > MAX_COMPONENT for part in path):
        raise InvalidTar(f"the name {name[:80]!r} has a component of more than {MAX_COMPONENT} bytes", offset)
    return tuple(path)


def _without_dots(parts: list[bytes], offset: int) -> list[bytes]:
    path: list[bytes] = []
    for part in parts:
        if part == b"..":
            if not path:
                raise InvalidTar(f"the name {b'/'.join(parts)[:80]!r} leads out of the layer", offset)
            path.pop()
        elif part not in _PLAIN:
            path.append(part)
    return path
