"""Members: the files of an archive, by name, wherever their bytes are."""

from __future__ import annotations

from typing import BinaryIO, Final, Protocol

from shale.errors import Invalid, NotFound

__all__ = ["InvalidArchive", "MemberNotFound", "Members", "components", "read_member"]

_LONGEST: Final = 4096


class InvalidArchive(Invalid):
    """An archive is malformed, or says something that cannot be true."""


class MemberNotFound(NotFound):
    """An archive has no file of a name that it, or a person, mentions."""

    def __init__(self, name: str) -> None:
        shown = name if len(name) <= 200 else name[:200] + "..."
        super().__init__(f"the archive has no file {shown!r}; it is incomplete, or not an image archive")


class Members(Protocol):
    """The regular files of one archive; safe to use from threads."""

    def size(self, name: str) -> int:
        """The size of a file, in bytes.

        Raises:
            MemberNotFound: there is no such file.
            InvalidArchive: the name leads out of the archive, or to no regular file.
        """

    def open_at(self, name: str, offset: int) -> BinaryIO:
        """Open a file at an offset, unbuffered; the caller closes it.

        Raises:
            MemberNotFound, InvalidArchive: as `size`.
        """


def components(name: str) -> tuple[str, ...]:
    """The parts of a member's name: `./a//b` is `("a", "b")`.

    Raises:
        InvalidArchive: empty, absolute, with a `..`, with a NUL, or too long.
    """
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if not parts or name.startswith("/") or ".." in parts or "\0" in name or len(name) > _LONGEST:
        raise InvalidArchive(f"the archive names a file outside of itself: {name[:200]!r}")
    return parts


def read_member(members: Members, name: str, limit: int) -> bytes:
    """A small file whole.

    Raises:
        MemberNotFound, InvalidArchive: no such file, or one larger than `limit` bytes.
    """
    size = members.size(name)
    if size > limit:
        raise InvalidArchive(f"{name} in the archive has {size} bytes, more than the {limit} that are accepted")
    content = bytearray()
    with members.open_at(name, 0) as file:
        while len(content) <= size and (chunk := file.read(size + 1 - len(content))):
            content += chunk
    if len(content) != size:
        raise InvalidArchive(f"{name} in the archive changes while it is read")
    return bytes(content)
