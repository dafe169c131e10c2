"""Import: a tar of a root file system becomes an image with one layer.

gzip and zstd are kept as they come; everything else is compressed with gzip, to the same bytes each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Final

import msgspec

from shale.image.archive.expand import MAGIC, Expander
from shale.image.archive.members import InvalidArchive
from shale.image.changes import apply_changes
from shale.image.written import Made, keep_image, keep_layer
from shale.layer.compression import detect
from shale.layer.compressor import compressor
from shale.layer.verify import LayerFacts, LayerScanner
from shale.oci import mediatype
from shale.oci.config import Execution, History, ImageConfig, RootFS
from shale.oci.mediatype import Compression
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.store.ingest import Ingest
from shale.store.store import Store

__all__ = ["Importer", "Wishes"]

_READ: Final = 1 << 20


class Wishes(msgspec.Struct, frozen=True):
    """What the image should be.

    Attributes:
        created: RFC 3339.
        comment: for its history.
        changes: instructions that change its config.
        platform: what it is for.
    """

    created: str
    comment: str
    changes: Sequence[str]
    platform: Platform


class Importer:
    """Makes images of root file systems in one store."""

    def __init__(self, store: Store, check: Callable[[], None]) -> None:
        """Prepare.

        Args:
            store: where to.
            check: called often; it may raise to stop.
        """
        self._store = store
        self._check = check

    def bring(self, stream: BinaryIO, reference: Reference | None, wishes: Wishes) -> Made:
        """Import a root file system.

        Args:
            stream: a tar: plain, or compressed with gzip, zstd, bzip2 or xz.
            reference: the name to give to the image.
            wishes: what it should be.

        Raises:
            InvalidChange: a change is malformed; nothing was read then.
            InvalidArchive, InvalidTar, TruncatedTar, CorruptStream: it is no tar, or damaged.
            DiskFull: there is no room.
        """
        execution = apply_changes(Execution(), wishes.changes)
        command = f"import {reference.familiar}" if reference else "import"
        store = self._store
        with store.leases.hold(command) as lease:
            begun = _beginning(stream)
            layer, facts = keep_layer(
                store,
                lease,
                mediatype.OCI_MANIFEST,
                lambda ingest: self._fill(ingest, _chunks(begun, stream), begun),
            )
            config = _config(wishes, execution, facts)
            return keep_image(
                store, lease, config, [layer], reference=reference, command=command, check=self._check
            )

    def _fill(self, ingest: Ingest, chunks: Iterator[bytes], begun: bytes) -> LayerFacts:
        with LayerScanner(threads=True) as scanner:
            for chunk in chunks if detect(begun) is not Compression.NONE else _packed(chunks, begun):
                self._check()
                ingest.write(chunk)
                scanner.feed(chunk)
            return scanner.result()


def _beginning(stream: BinaryIO) -> bytes:
    """Enough to tell what it is compressed with."""
    begun = b""
    while len(begun) < MAGIC and (more := stream.read(MAGIC - len(begun))):
        begun += more
    if not begun:
        raise InvalidArchive("the root file system is empty: there are no bytes to import")
    return begun


def _chunks(begun: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield begun
    while chunk := stream.read(_READ):
        yield chunk


def _packed(chunks: Iterator[bytes], begun: bytes) -> Iterator[bytes]:
    """Gzip of what the chunks decompress to."""
    expander = Expander(begun)
    with closing(compressor(Compression.GZIP, threads=os.cpu_count() or 1)) as packer:
        for chunk in chunks:
            for piece in expander.feed(chunk):
                yield from packer.feed(piece)
        expander.close()
        yield from packer.finish()


def _config(wishes: Wishes, execution: Execution, facts: LayerFacts) -> ImageConfig:
    platform = wishes.platform
    return ImageConfig(
        architecture=platform.architecture,
        os=platform.os,
        variant=platform.variant,
        created=wishes.created,
        config=execution,
        rootfs=RootFS(diff_ids=(facts.diff_id,)),
        history=(History(created=wishes.created, comment=wishes.comment),),
    )
