"""A blob while it is received: to the disk, hashed, and looked into as its bytes go by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from shale.errors import ShaleError
from shale.events import LayerProgress, LayerState, Listener
from shale.image.making import LayerMaking
from shale.layer.limits import LayerLimits
from shale.layer.verify import LayerFacts, LayerScanner
from shale.oci.descriptor import Descriptor
from shale.store.ingest import Ingest, IngestNote

__all__ = ["Inspection", "Sink"]

_LARGE: Final = 1024 * 1024
"""Bytes from which on a layer is worth threads of its own."""


class Inspection:
    """Reads a layer as its bytes go by. What is wrong with it is told at the end.

    By then the digest is known to be right or wrong: bytes that an earlier process left may be damaged, and
    that is another matter than an image that is broken where it comes from.
    """

    def __init__(self, size: int, *, inflate: bool, making: LayerMaking | None) -> None:
        self._making = making
        if making is not None:
            making.begin()
        # Who makes the layer reads its archive: then that is done once.
        self._made = making is not None and making.goes_on
        self._reader = (
            LayerScanner(
                threads=size >= _LARGE,
                limit=LayerLimits().inflated(size),
                tar=making.feed if making is not None and self._made else None,
                count=not self._made,
            )
            if inflate
            else None
        )
        self._failure: ShaleError | None = None

    @property
    def looks(self) -> bool:
        """Whether it wants to see the bytes at all."""
        return self._reader is not None

    def feed(self, chunk: memoryview) -> None:
        """Take the next bytes of the blob; they may be overwritten once this returns."""
        if self._reader is None or self._failure is not None:
            return
        try:
            self._reader.feed(chunk)
        except ShaleError as error:
            self._failure = error

    def facts(self) -> LayerFacts | None:
        """What the layer is; None where it was not to be inflated, or who counted could not go on."""
        if self._failure is not None:
            raise self._failure
        if self._reader is None:
            return None
        if self._making is None or not self._made:
            return self._reader.result()
        self._reader.end()
        counted = self._making.finish()
        return self._reader.result(counted) if counted is not None else None

    def close(self) -> None:
        """End its threads."""
        if self._reader is not None:
            self._reader.close()


class Sink:
    """Bytes to an ingest, to the inspection of the layer, and to whoever watches."""

    def __init__(
        self,
        ingest: Ingest,
        descriptor: Descriptor,
        listener: Listener,
        check: Callable[[], None],
        inspect: Callable[[], Inspection],
    ) -> None:
        self._ingest = ingest
        self._descriptor = descriptor
        self._listener = listener
        self._check = check
        self._inspect = inspect
        self._inspection = inspect()
        self.resumed = ingest.resume(self._inspection.feed) > 0

    @property
    def offset(self) -> int:
        """Bytes that are there."""
        return self._ingest.offset

    @property
    def etag(self) -> str | None:
        """The server's tag that came with them."""
        return self._ingest.note.etag

    def remember(self, etag: str | None, /) -> None:
        """Keep the server's tag for whoever continues."""
        self._ingest.remember(IngestNote(etag=etag, origin=self._ingest.note.origin))

    def write(self, chunk: memoryview, /) -> None:
        """Take the next bytes."""
        self._check()
        self._ingest.write(chunk)
        self._inspection.feed(chunk)
        self._listener(
            LayerProgress(
                self._descriptor.digest.short, LayerState.DOWNLOADING, self.offset, self._descriptor.size
            )
        )

    def restart(self) -> None:
        """Forget everything: the bytes come from the beginning."""
        self.resumed = False
        self._ingest.restart()
        self._inspection.close()
        self._inspection = self._inspect()

    def facts(self) -> LayerFacts | None:
        """What the layer is; None where nobody looked, or not to the end."""
        return self._inspection.facts()

    def close(self) -> None:
        """Let go of what looks into it; the bytes stay in the ingest."""
        self._inspection.close()
