"""Making the file of a layer while its tar streams by."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from shale.layer.header import Header
from shale.layer.limits import LayerLimits
from shale.layer.scan import TarScan
from shale.linux.durable import disk_errors
from shale.snapshot.erofs.image import ImageWriter
from shale.snapshot.erofs.index import Tar, write_index
from shale.snapshot.erofs.layout import BLOCK
from shale.snapshot.erofs.remains import Remains
from shale.snapshot.erofs.tree import LayerTree
from shale.snapshot.form import Built

__all__ = ["ErofsBuilder", "LayerModel"]


class LayerModel:
    """A tar, and the model of the layer that is made of it.

    Attributes:
        tree: the model.
    """

    def __init__(self) -> None:
        self.tree = LayerTree()
        self._limits = LayerLimits()
        self._remains = Remains()
        self._scan = TarScan(self._entry)

    @property
    def counts(self) -> tuple[int, int]:
        """The entries of the tar so far, and the bytes of their files."""
        return self._scan.entries, self._scan.content_size

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the tar.

        Raises:
            InvalidTar: they are no archive, or none that a layer can be made of.
            LayerTooLarge: it goes beyond a limit.
        """
        at = self._scan.position
        self._scan.feed(piece)
        self._limits.check(self._scan.entries, self._scan.position)
        self._remains.look(piece, at)

    def finish(self, read: Callable[[int, int], bytes], write: Callable[[bytes], None]) -> bytes:
        """Say that the tar has ended; `write` is given the index that follows it.

        Args:
            read: gives bytes of the tar, by offset and length.
            write: takes bytes, in order.

        Returns:
            The header of the file.

        Raises:
            TruncatedTar, InvalidTar: the tar is not at its end, or needs more than a layer may have.
        """
        self._scan.close()
        tar = Tar(self._scan.position, read, self._remains.found)
        return write_index(self.tree.folders.root, tar, write)

    def _entry(self, entry: Header) -> None:
        self._limits.check_file(entry)
        begin = self._scan.position
        self.tree.add(entry, begin)
        if entry.stored % BLOCK and entry.extents is None:
            self._remains.expect(begin, begin + entry.stored)


class ErofsBuilder:
    """A layer while it is being made: see `LayerBuilder` of `snapshot/form`.

    Args:
        folder: descriptor of the folder; stays the caller's, and open until the end.
        name: of the file.

    Raises:
        DiskFull, NoPermission, StorageFailure: the disk.
        FileExistsError: there is such a file.
    """

    def __init__(self, folder: int, name: str) -> None:
        self._folder = folder
        self._name = name
        self._model = LayerModel()
        self._file = -1
        doing = f"writing the layer {name}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with disk_errors(doing):
            self._file = os.open(name, flags, 0o600, dir_fd=folder)
        self._image = ImageWriter(self._file, doing)

    def feed(self, piece: bytes | memoryview) -> None:
        """See `LayerBuilder`."""
        self._image.write(piece)
        self._model.feed(piece)

    def finish(self) -> Built:
        """See `LayerBuilder`."""
        image, model = self._image, self._model
        image.finish(model.finish(image.read_tar, image.write))
        os.close(self._file)
        self._file = -1
        return Built(image.size, *model.counts, model.tree.loose, model.tree.notes)

    def close(self) -> None:
        """See `LayerBuilder`."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._folder)
