"""Making the entries of a layer: one function for each type.

All are made under one name below the descriptor of their folder; what is there already goes, unless both are
folders. A file is opened only by what makes it, a fifo or a device never.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from shale.layer.attributes import Attributes
from shale.layer.field import InvalidTar
from shale.layer.filebody import FileBody
from shale.layer.folders import Folders, NotAFolder, join
from shale.layer.header import (
    BLOCK_DEVICE,
    CHARACTER_DEVICE,
    CONTIGUOUS,
    DIRECTORY,
    FIFO,
    GNU_SPARSE,
    HARD_LINK,
    REGULAR,
    SYMLINK,
    Header,
)
from shale.layer.openfolders import Folder
from shale.layer.path import components
from shale.layer.rules import ApplyRules, Whiteouts
from shale.layer.whiteouts import LayerWhiteouts, is_whiteout

__all__ = ["Entries"]

_T = TypeVar("_T")
_Maker = Callable[[Folder, bytes, Header], "FileBody | None"]

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_TARGET: Final = 4095
_LARGEST_MAJOR: Final = (1 << 12) - 1
_LARGEST_MINOR: Final = (1 << 20) - 1
"""What a device number of Linux holds; mknod(2) cuts the rest off without a word."""
_BLOCK: Final = 4096


class Entries:
    """Makes entries in a tree.

    Args:
        folders: those of the tree.
        attributes: what gives entries owners and modes.
        whiteouts: what hides names.
        rules: how the layer is to be written.

    Attributes:
        size: bytes on disk, about, of what was made.
        loose: whether there was a hard link to what the layer does not have.
    """

    def __init__(
        self, folders: Folders, attributes: Attributes, whiteouts: LayerWhiteouts, rules: ApplyRules
    ) -> None:
        self.size = 0
        self.loose = False
        self._folders = folders
        self._attributes = attributes
        self._whiteouts = whiteouts
        self._rules = rules
        self._merging = rules.whiteouts is Whiteouts.REMOVE
        self._makers: Mapping[bytes, _Maker] = {
            REGULAR: self._regular,
            CONTIGUOUS: self._regular,
            GNU_SPARSE: self._regular,
            HARD_LINK: self._hard_link,
            SYMLINK: self._symlink,
            CHARACTER_DEVICE: self._device,
            BLOCK_DEVICE: self._device,
            DIRECTORY: self._folder,
            FIFO: self._fifo,
        }

    def make(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        """Make an entry.

        Args:
            folder: where.
            base: its name there.
            header: what.

        Returns:
            A regular file, which is to get its bytes and then its attributes.

        Raises:
            InvalidTar: it cannot be made.
            LayerTooLarge: it is larger than the rules allow.
        """
        make = self._makers.get(header.kind)
        if make is None:
            raise InvalidTar(
                f"{header.name[:80]!r} has a type that is not known: {header.kind!r}", header.offset
            )
        return make(folder, base, header)

    def _put(self, folder: Folder, base: bytes, make: Callable[[], _T]) -> _T:
        """Make an entry that is no folder, in the place of what this layer or another has there."""
        self._folders.touch(folder, base)
        try:
            return make()
        except FileExistsError:
            self._folders.clear(folder, base)
            return make()

    def _regular(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        self._rules.limits.check_file(header)
        made = self._put(folder, base, lambda: os.open(base, _NEW, 0o600, dir_fd=folder.descriptor))
        self.size += header.stored + _BLOCK - 1 & -_BLOCK
        return FileBody(made, folder.group, header)

    def _folder(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        again = False
        try:
            made = self._folders.make(folder, base)
        except FileExistsError:
            try:
                made = self._folders.below(folder, base)
                again = True
            except NotAFolder:
                made = self._folders.put_in_place(folder, base)
        self._folders.touch(folder, base)
        self.describe(made, header, again=again)
        self.size += _BLOCK
        return None

    def describe(self, folder: Folder, header: Header, *, again: bool) -> None:
        """Say what a folder shall look like, which may have been there already."""
        acl = self._attributes.of_folder(folder, header, again=again)
        self._folders.look(folder, self._attributes.mode(header), header.mtime, acl)

    def _symlink(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        if not header.link or len(header.link) > _LONGEST_TARGET:
            raise InvalidTar(
                f"the symbolic link {header.name[:80]!r} has a target of {len(header.link)} bytes",
                header.offset,
            )
        self._put(folder, base, lambda: os.symlink(header.link, base, dir_fd=folder.descriptor))
        self._attributes.of_entry(folder, base, header)
        return None

    def _hard_link(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        """Make one more name of a file, or of a symbolic link: never of what that points at."""
        parts = components(header.link, header.offset)
        source = self._target(folder, base, parts, header)
        if source is None:
            if self._merging:
                raise InvalidTar(
                    f"{header.name[:80]!r} is a hard link to {header.link[:80]!r}, which is not there",
                    header.offset,
                )
            self.loose = True
            self._folders.clear(folder, base)
            return None

        self._put(
            folder,
            base,
            lambda: os.link(
                parts[-1],
                base,
                src_dir_fd=source.descriptor,
                dst_dir_fd=folder.descriptor,
                follow_symlinks=False,
            ),
        )
        return None

    def _target(self, folder: Folder, base: bytes, parts: tuple[bytes, ...], header: Header) -> Folder | None:
        """The folder that has the target of a hard link; None where there is none that stays."""
        if not parts:
            raise InvalidTar(f"{header.name[:80]!r} is a hard link to a folder", header.offset)
        try:
            source = self._folders.find(parts[:-1], header.offset, keep=folder)
            found = source and os.stat(parts[-1], dir_fd=source.descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotAFolder):
            return None
        if not source or not found or is_whiteout(found):
            return None
        if stat.S_ISDIR(found.st_mode):
            raise InvalidTar(f"{header.name[:80]!r} is a hard link to a folder", header.offset)
        here = join(folder.path, base)
        goes = (join(source.path, parts[-1]) + b"/").startswith(here + b"/")
        return None if goes else source

    def _device(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        if not 0 <= header.major <= _LARGEST_MAJOR or not 0 <= header.minor <= _LARGEST_MINOR:
            raise InvalidTar(
                f"the device {header.name[:80]!r} has the number {header.major}:{header.minor}", header.offset
            )
        if header.kind == CHARACTER_DEVICE and header.major == header.minor == 0:
            # What overlay would take it for. No stack of layers can show such a device.
            self._whiteouts.removes(folder, base)
            return None
        if not self._rules.make_devices:
            self._attributes.skip_device(header)
            return None
        kind = stat.S_IFCHR if header.kind == CHARACTER_DEVICE else stat.S_IFBLK
        number = os.makedev(header.major, header.minor)
        self._put(folder, base, lambda: os.mknod(base, kind | 0o600, number, dir_fd=folder.descriptor))
        self._attributes.of_entry(folder, base, header)
        return None

    def _fifo(self, folder: Folder, base: bytes, header: Header) -> FileBody | None:
        self._put(folder, base, lambda: os.mknod(base, stat.S_IFIFO | 0o600, dir_fd=folder.descriptor))
        self._attributes.of_entry(folder, base, header)
        return None
