"""A layer that shale writes: tar bytes in, gzip into an ingest, and what a pull would have found out of it.

The bytes are the same for the same tar on every machine (`layer/compressor`).
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

from shale.layer.compressor import compressor
from shale.layer.verify import LayerFacts
from shale.oci.digest import DiffID
from shale.oci.mediatype import Compression
from shale.store.ingest import Ingest

__all__ = ["LayerPacker"]

_PIECE: Final = 1 << 20


class LayerPacker:
    """Takes a tar as it is written, in pieces of any size. Close it.

    Args:
        ingest: gets the compressed bytes.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._packer = compressor(Compression.GZIP, threads=os.cpu_count() or 1)
        self._hasher = hashlib.sha256()
        self._size = 0
        self._held = bytearray()

    def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises:
            DiskFull, NoPermission, StorageFailure: the disk.
        """
        # Headers come one by one: together they are compressed and hashed with far fewer calls.
        self._held += piece
        if len(self._held) >= _PIECE:
            self._flush()

    def finish(self, entries: int, content_size: int) -> LayerFacts:
        """Say that the tar has ended; what the layer is. Errors as `write`.

        Args:
            entries: how many it has.
            content_size: bytes of its files, as `LayerFacts` counts them: whoever wrote it knows.
        """
        self._flush()
        for packed in self._packer.finish():
            self._ingest.write(packed)
        return LayerFacts(
            diff_id=DiffID.from_hasher("sha256", self._hasher),
            tar_size=self._size,
            content_size=content_size,
            entries=entries,
            compression=Compression.GZIP,
        )

    def close(self) -> None:
        """Let go of threads, finished or not."""
        self._packer.close()

    def _flush(self) -> None:
        tar = bytes(self._held)
        self._held.clear()
        self._hasher.update(tar)
        self._size += len(tar)
        for packed in self._packer.feed(tar):
            self._ingest.write(packed)
