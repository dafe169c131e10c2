"""How much a layer may ask for before it is refused: stated numbers, the same for everybody who unpacks.

A layer is text from outside: a few kilobytes of it can ask for terabytes of disk and for hours of work. Real
layers stay far below these limits (docs/layers.md lists them with the largest ones that are known).
"""

from __future__ import annotations

import msgspec

from shale.errors import Exhausted
from shale.layer.header import Header

__all__ = ["LayerLimits", "LayerTooLarge"]

_GIB = 1 << 30


class LayerTooLarge(Exhausted):
    """A layer goes beyond one of the limits."""

    def __init__(self, problem: str, limit: int) -> None:
        super().__init__(f"the layer {problem}: at most {limit} are accepted")
        self.limit = limit


class LayerLimits(msgspec.Struct, frozen=True):
    """The limits of one layer. How deep and how long names may be is said in `layer/path`.

    Attributes:
        tar_bytes: of the uncompressed archive.
        ratio: how many times its compressed size a layer may inflate to, where that is more than `free_bytes`.
        free_bytes: to how many bytes any layer may inflate, however small it is.
        entries: of the archive.
        file_bytes: of one file, holes included.
    """

    tar_bytes: int = 1024 * _GIB
    ratio: int = 200
    free_bytes: int = 2 * _GIB
    entries: int = 4_000_000
    file_bytes: int = 16 * 1024 * _GIB

    def inflated(self, compressed: int) -> int:
        """To how many bytes a layer of `compressed` bytes may inflate: for whoever inflates it."""
        return min(self.tar_bytes, max(self.free_bytes, self.ratio * compressed))

    def check(self, entries: int, tar_bytes: int) -> None:
        """Look at how far an archive has got; to be asked for each piece of it.

        Raises:
            LayerTooLarge: too far.
        """
        if entries > self.entries:
            raise LayerTooLarge(f"has {entries} entries and more", self.entries)
        if tar_bytes > self.tar_bytes:
            raise LayerTooLarge(f"has {tar_bytes} bytes and more", self.tar_bytes)

    def check_file(self, header: Header) -> None:
        """Look at the size of a file before it is made.

        Raises:
            LayerTooLarge: it is too large.
        """
        if header.size > self.file_bytes:
            raise LayerTooLarge(f"has a file of {header.size} bytes ({header.name[:80]!r})", self.file_bytes)
