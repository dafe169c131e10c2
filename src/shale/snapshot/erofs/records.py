"""The inodes of files, from the headers of their entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from shale.layer import header as tar
from shale.layer.field import InvalidTar
from shale.layer.header import Header
from shale.snapshot.erofs.attributes import kept_attributes
from shale.snapshot.erofs.layout import (
    BLOCK,
    CHARACTER,
    CHUNKED,
    DEVICE,
    FIFO,
    HEADER,
    IN_LINE,
    LINK,
    PLAIN,
    REGULAR,
    SLOT,
    attribute_block,
    attribute_count,
    device_number,
    inode,
    padded,
)
from shale.snapshot.erofs.nodes import Leaf, Scattered

__all__ = ["Records"]

_MOST_OWNER: Final = 0xFFFFFFFE
"""One more means `no change` to Linux, and is nobody."""
_MOST_TARGET: Final = 4095
_MOST_SIZE: Final = 2**63 - 1
_MOST_NOTES: Final = 100
_SECOND: Final = 10**9


class Records:
    """Makes inodes, and notes what cannot be kept. Not for use by two threads at once."""

    def __init__(self) -> None:
        self._notes: dict[str, None] = {}
        self._left_out = 0
        self._makers: Mapping[bytes, Callable[[Header, int], bytes | Leaf]] = {
            tar.REGULAR: self._file,
            tar.CONTIGUOUS: self._file,
            tar.GNU_SPARSE: self._file,
            tar.SYMLINK: self._symbolic_link,
            tar.CHARACTER_DEVICE: self._device,
            tar.BLOCK_DEVICE: self._device,
            tar.FIFO: self._fifo,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not kept, for a person."""
        more = (f"and {self._left_out} more",) if self._left_out else ()
        return (*self._notes, *more)

    def leaf(self, header: Header, begin: int) -> bytes | Leaf:
        """What an entry that is no folder and no hard link is.

        Args:
            header: the entry.
            begin: where its bytes begin in the tar.

        Raises:
            InvalidTar: a number, a target or an attribute that Linux does not take; an unknown kind.
        """
        maker = self._makers.get(header.kind)
        if maker is None:
            raise InvalidTar(
                f"an entry is of the kind {header.kind!r}, which layers do not have", header.offset
            )
        return maker(header, begin)

    def owner(self, header: Header) -> tuple[int, int]:
        """Owner and group of an entry.

        Raises:
            InvalidTar: they are none that Linux has.
        """
        uid, gid = header.uid, header.gid
        if not (0 <= uid <= _MOST_OWNER and 0 <= gid <= _MOST_OWNER):
            raise InvalidTar(f"the owner {uid}:{gid} is none that Linux has", header.offset)
        return uid, gid

    def attributes(self, header: Header, kind: int) -> dict[bytes, bytes]:
        """The extended attributes that the file of an entry will have.

        Args:
            header: the entry.
            kind: type of the file, the upper bits of its mode.

        Raises:
            InvalidTar: they are malformed or too large.
        """
        if not header.records:
            return {}

        def note(what: str) -> None:
            self._note(f"{what} of {header.name[:200].decode('utf-8', 'backslashreplace')}")

        return kept_attributes(header.xattrs, kind, header.offset, note)

    def _note(self, text: str) -> None:
        if len(self._notes) < _MOST_NOTES:
            self._notes[text] = None
        elif text not in self._notes:
            self._left_out += 1

    def _file(self, header: Header, begin: int) -> bytes | Leaf:
        size, extents = header.size, header.extents
        if size > _MOST_SIZE:
            raise InvalidTar(f"a file of {size} bytes is larger than Linux takes", header.offset)
        if extents is None or (len(extents) == 1 and extents[0].length == size) or not size:
            place = (HEADER + begin) // BLOCK if size else 0
            return padded(self._inode(header, PLAIN, REGULAR, size, place), SLOT)
        return Leaf(self._inode(header, CHUNKED, REGULAR, size, 0), Scattered(begin, size, extents))

    def _symbolic_link(self, header: Header, _: int) -> bytes | Leaf:
        target = header.link
        if not target or len(target) > _MOST_TARGET:
            raise InvalidTar(
                f"the target of a symbolic link has {len(target)} bytes, not 1 to 4095", header.offset
            )
        record = self._inode(header, IN_LINE, LINK, len(target), 0)
        if len(record) + len(target) <= BLOCK:
            return padded(record + target, SLOT)
        return Leaf(self._inode(header, PLAIN, LINK, len(target), 0), target)

    def _device(self, header: Header, _: int) -> bytes:
        major, minor = header.major, header.minor
        if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
            raise InvalidTar(f"the device {major}:{minor} is none that Linux has", header.offset)
        kind = CHARACTER if header.kind == tar.CHARACTER_DEVICE else DEVICE
        return padded(self._inode(header, PLAIN, kind, 0, device_number(major, minor)), SLOT)

    def _fifo(self, header: Header, _: int) -> bytes:
        return padded(self._inode(header, PLAIN, FIFO, 0, 0), SLOT)

    def _inode(self, header: Header, form: int, kind: int, size: int, place: int) -> bytes:
        uid, gid = header.uid, header.gid
        if not (0 <= uid <= _MOST_OWNER and 0 <= gid <= _MOST_OWNER):
            self.owner(header)
        seconds, nanoseconds = divmod(header.mtime, _SECOND)
        mode = kind | 0o777 if kind == LINK else kind | header.mode & 0o7777
        if not header.records:
            return inode(form, 0, mode, 0, size, place, 0, uid, gid, seconds, nanoseconds, 1)
        block = attribute_block(self.attributes(header, kind))
        count = attribute_count(block)
        return inode(form, count, mode, 0, size, place, 0, uid, gid, seconds, nanoseconds, 1) + block
