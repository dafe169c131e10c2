"""A registry as a landing: blobs that it lacks come through a temporary file, verified before they are sent."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from shale.errors import Invalid
from shale.image.byterange import ByteRange
from shale.image.graph import Graph
from shale.image.landing import CheckedSink, Label
from shale.image.ports import Document, Outcome, Source
from shale.image.remote import RemoteRepository
from shale.linux.durable import disk_errors
from shale.oci.descriptor import Descriptor

__all__ = ["RegistryLanding"]


class RegistryLanding:
    """Puts images into a repository; a `Landing`.

    A registry hashes an upload only at its end, and some are then slow to say no; so bytes are verified
    first. The file has no name, and is gone when the process is.
    """

    jobs: Final = 4

    def __init__(self, repository: RemoteRepository, spool: Path) -> None:
        """Prepare.

        Args:
            repository: where to.
            spool: a folder for temporary files, with room for the largest blobs.
        """
        self._repository = repository
        self._spool = spool

    def take(self, source: Source, descriptor: Descriptor, progress: Callable[[int], None]) -> Outcome:
        """See `Landing`; nothing is fetched of what the registry has, or can mount."""
        claimed = self._repository.claim(descriptor)
        if isinstance(claimed, Outcome):
            return claimed
        with self._temporary() as file:
            self._fetch(source, descriptor, progress, file)

            def open_at(offset: int) -> BinaryIO:
                return cast("BinaryIO", ByteRange(file.fileno(), offset, descriptor.size))

            # What was fetched is what people see; sending it is the shorter half.
            self._repository.upload(descriptor, open_at, lambda _: progress(descriptor.size), claimed)
        return Outcome()

    def _temporary(self) -> io.FileIO:
        import tempfile  # noqa: PLC0415 - not where everything is there already

        with disk_errors(f"writing to {self._spool}"):
            return tempfile.TemporaryFile(dir=self._spool, buffering=0)

    def _fetch(
        self, source: Source, descriptor: Descriptor, progress: Callable[[int], None], file: io.FileIO
    ) -> None:
        def write(chunk: memoryview) -> None:
            with disk_errors(f"writing to {self._spool}"):
                while chunk:
                    chunk = chunk[file.write(chunk) :]

        def again() -> None:
            file.seek(0)
            file.truncate()

        sink = CheckedSink(descriptor, write, again, progress)
        if descriptor.size:
            source.fetch(descriptor, sink)
        sink.verify()

    def put_document(self, document: Document) -> None:
        """See `Landing`."""
        self._repository.put_document(document)

    def put_root(self, graph: Graph, labels: Sequence[Label]) -> None:
        """See `Landing`; a label's text is a tag, and without labels there is only the digest.

        Raises:
            Invalid: a label has no tag.
        """
        for label in labels:
            if label.text is None:
                raise Invalid("a registry needs a tag to call an image by")
            self._repository.put_document(graph.root, label.text)
        if not labels:
            self._repository.put_document(graph.root)
