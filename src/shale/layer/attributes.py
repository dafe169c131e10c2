"""Owner, mode, attributes and times of what a layer has put in its place.

In this order: a change of owner clears set-id bits and capabilities, a write clears capabilities, and any of
them changes the times. Entries are reached by the descriptor of their folder and one name that is not
followed, files by the descriptor that made them; nothing is opened for it.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from shale.errors import Denied
from shale.layer.field import InvalidTar
from shale.layer.folders import DEFAULT_ACL
from shale.layer.header import Header
from shale.layer.openfolders import Folder
from shale.linux.beneath import change_mode
from shale.linux.xattr import list_xattrs, remove_xattr, set_xattr

__all__ = ["Attributes", "OwnerNotMapped"]

MOST_NOTES: Final = 100
LARGEST_ID: Final = 2**32 - 2
"""The one above means `leave it` to chown(2)."""
LONGEST_ATTRIBUTE: Final = 255
LARGEST_VALUE: Final = 65536
"""XATTR_NAME_MAX and XATTR_SIZE_MAX of Linux."""

OVERLAY: Final = (b"trusted.overlay.", b"user.overlay.")
"""Orders to overlay: no layer may give them."""
_REFUSED: Final = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.EINVAL)
_LARGE: Final = 2048
_SET_ID: Final = stat.S_ISUID | stat.S_ISGID


class OwnerNotMapped(Denied):
    """An owner does not exist in this user namespace."""

    def __init__(self, header: Header) -> None:
        super().__init__(
            f"{header.name[:200]!r} belongs to {header.uid}:{header.gid}, which is not mapped in this user "
            "namespace; give this user more ids in /etc/subuid and /etc/subgid"
        )


class Attributes:
    """Gives entries what their headers say.

    Args:
        keep_owner: as in `ApplyRules`.
    """

    def __init__(self, *, keep_owner: bool) -> None:
        self._notes: list[str] = []
        self._unsaid = 0
        self._keep_owner = keep_owner
        self._uid = os.geteuid()

    def skip_device(self, header: Header) -> None:
        """Note that a device was not made."""
        self._note(f"device {_text(header.name)} skipped: this user may not make it")

    def _note(self, text: str) -> None:
        """Remember something for a person; only the first hundred are kept in words."""
        if len(self._notes) < MOST_NOTES:
            self._notes.append(text)
        else:
            self._unsaid += 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be kept, for a person."""
        return (*self._notes, f"and {self._unsaid} more like these") if self._unsaid else tuple(self._notes)

    def of_file(self, descriptor: int, group: int, header: Header) -> None:
        """To a regular file that was made, and written to the end.

        Args:
            descriptor: of the file.
            group: the one that it was made with.
            header: what it shall be.
        """
        if self._differs(header, group):
            try:
                os.fchown(descriptor, header.uid, header.gid)
            except OSError as problem:
                raise self._owner_problem(problem, header) from problem
        os.fchmod(descriptor, self.mode(header))
        if header.records:
            self._set(descriptor, None, header)
        os.utime(descriptor, ns=(header.mtime, header.mtime))

    def of_entry(self, folder: Folder, name: bytes, header: Header) -> None:
        """To a symbolic link, a fifo or a device that was made."""
        self._own(folder.descriptor, name, folder.group, header)
        if header.kind != b"2":
            change_mode(folder.descriptor, name, self.mode(header))
        if header.records:
            self._set(folder.descriptor, name, header)
        os.utime(name, ns=(header.mtime, header.mtime), dir_fd=folder.descriptor, follow_symlinks=False)

    def of_folder(self, folder: Folder, header: Header, *, again: bool) -> bytes | None:
        """To a folder; its mode and times are set at the end, by `Folders.settle`.

        Args:
            folder: the folder.
            header: what it shall be.
            again: whether it was there already: with another owner, with attributes that are to go.

        Returns:
            The access control list for what is made in it, which is to be set at the end too.
        """
        group = -1 if again else folder.group
        self._own(folder.descriptor, None, group, header)
        if again:
            for attribute in list_xattrs(folder.descriptor):
                # What this user may not remove, the machine has put there.
                if not attribute.startswith(OVERLAY):
                    with suppress(PermissionError):
                        remove_xattr(folder.descriptor, attribute)
        return self._set(folder.descriptor, None, header) if header.records else None

    def mode(self, header: Header) -> int:
        """The permissions that an entry gets."""
        mode = header.mode & 0o7777
        if not self._keep_owner and header.kind != b"5":
            mode &= ~_SET_ID
        return mode

    def _differs(self, header: Header, group: int) -> bool:
        if not (0 <= header.uid <= LARGEST_ID and 0 <= header.gid <= LARGEST_ID):
            raise InvalidTar(
                f"{header.name[:80]!r} belongs to {header.uid}:{header.gid}, which is no owner", header.offset
            )
        return self._keep_owner and (header.uid != self._uid or header.gid != group)

    def _own(self, descriptor: int, name: bytes | None, group: int, header: Header) -> None:
        if not self._differs(header, group):
            return
        try:
            if name is None:
                os.fchown(descriptor, header.uid, header.gid)
            else:
                os.chown(name, header.uid, header.gid, dir_fd=descriptor, follow_symlinks=False)
        except OSError as problem:
            raise self._owner_problem(problem, header) from problem

    def _owner_problem(self, problem: OSError, header: Header) -> Exception:
        return OwnerNotMapped(header) if problem.errno == errno.EINVAL else problem

    def _set(self, descriptor: int, name: bytes | None, header: Header) -> bytes | None:
        """Set the attributes that a header has, but for the one that is returned."""
        later = None
        for attribute, value in header.xattrs.items():
            if attribute.startswith(OVERLAY):
                continue
            if not attribute or b"\0" in attribute or len(attribute) > LONGEST_ATTRIBUTE:
                raise InvalidTar(
                    f"{header.name[:80]!r} has an attribute with the name {attribute[:80]!r}", header.offset
                )
            if len(value) > LARGEST_VALUE:
                raise InvalidTar(
                    f"the attribute {attribute!r} of {header.name[:80]!r} has {len(value)} bytes: "
                    f"at most {LARGEST_VALUE} are possible",
                    header.offset,
                )
            if attribute == DEFAULT_ACL and header.kind == b"5":
                later = value
                continue
            try:
                set_xattr(descriptor, attribute, value, name)
            except OSError as problem:
                # Ext4 has room for 4 KiB of attributes in a file, and says that the disk is full.
                if problem.errno not in _REFUSED and (problem.errno != errno.ENOSPC or len(value) < _LARGE):
                    raise
                reason = os.strerror(problem.errno or 0).lower()
                self._note(f"attribute {_text(attribute)} of {_text(header.name)} skipped: {reason}")
        return later


def _text(name: bytes) -> str:
    return repr(name[:200].decode("utf-8", "backslashreplace"))
