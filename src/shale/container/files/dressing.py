"""Giving a file that was copied its owner, permissions, attributes and times."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

import msgspec

from shale.layer.entry import TreeEntry
from shale.layer.header import SYMLINK
from shale.linux.xattr import set_xattr

__all__ = ["Dressing"]

_SET_ID: Final = stat.S_ISUID | stat.S_ISGID


class Dressing(msgspec.Struct, frozen=True):
    """What of an entry is kept.

    Attributes:
        owner: user and group, and with them set-id bits: under another owner they would mean something else.
        keeps: whether an extended attribute is set, by its name.
        notes: gets what could not be kept, for a person.
    """

    owner: bool
    keeps: Callable[[bytes], bool]
    notes: list[str] = msgspec.field(default_factory=list)

    def dress(self, handle: int, entry: TreeEntry, shown: str) -> None:
        """Make a file what its entry says.

        Args:
            handle: of the file; O_PATH too.
            entry: what it should be.
            shown: its name in notes.

        Raises:
            OSError: as the kernel says it.
        """
        # The link in /proc is what the descriptor is, a symbolic link too, whatever has its name by now.
        held = f"/proc/self/fd/{handle}"
        mode = entry.mode
        if not (self.owner and self._owned(held, entry, shown)):
            mode &= ~_SET_ID
        if entry.kind != SYMLINK:
            os.chmod(held, mode)
        for attribute, value in entry.xattrs.items():
            if self.keeps(attribute):
                self._attribute(handle, attribute, value, shown)
        os.utime(held, ns=(entry.mtime_ns, entry.mtime_ns))

    def _owned(self, held: str, entry: TreeEntry, shown: str) -> bool:
        try:
            os.chown(held, entry.uid, entry.gid)
        except OSError as failure:
            # An ordinary user, or an owner that has no number in this user namespace.
            if failure.errno not in (errno.EPERM, errno.EINVAL):
                raise
            self.notes.append(f"owner {entry.uid}:{entry.gid} of {shown} not kept")
            return False
        return True

    def _attribute(self, handle: int, attribute: bytes, value: bytes, shown: str) -> None:
        try:
            set_xattr(handle, attribute, value)
        except OSError as failure:
            if failure.errno not in (errno.EPERM, errno.EOPNOTSUPP):
                raise
            self.notes.append(f"attribute {os.fsdecode(attribute)} of {shown} not kept")
