"""Load: the images of an archive into the store, verified as a pull does it; each one whole or not at all."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from shale.errors import NotFound
from shale.events import Listener
from shale.image.archive.contents import ArchivedImage, lacking
from shale.image.archive.reading import Archive
from shale.image.graph import Graph
from shale.image.making import Mountable
from shale.image.pull import Puller
from shale.oci import mediatype
from shale.oci.digest import Digest
from shale.oci.manifest import Manifest
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.store.store import Store

__all__ = ["Loaded", "Loader"]


class Loaded(msgspec.Struct, frozen=True):
    """One image that was loaded.

    Attributes:
        target: digest of its manifest or index.
        id: the image id: digest of the config, or the target where it is an index or no image.
        names: the names that it has now because the archive says so.
    """

    target: Digest
    id: Digest
    names: tuple[Reference, ...]


class Loader:
    """Brings the images of archives into one store."""

    def __init__(
        self,
        store: Store,
        listener: Listener,
        cancel: Cancellation,
        *,
        jobs: int = 2,
        mountable: Callable[[], Mountable | None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            store: where to.
            listener: told what happens.
            cancel: cancelled by whoever wants the work to end.
            jobs: how many blobs at a time.
            mountable: makes layers mountable on the way; see `Puller`.
        """
        self._store = store
        self._puller = Puller(store, listener, cancel, jobs=jobs, mountable=mountable)

    def load(self, archive: Archive, image: ArchivedImage, platform: Platform | None) -> Loaded:
        """Bring one image into the store and name it.

        Args:
            archive: where from.
            image: one of its images.
            platform: what to take of an index; None takes all that the archive has of it.

        Raises:
            NoMatchingPlatform: nothing fits the platform.
            NotFound: the archive lacks some of the image.
            Corrupt, InvalidDocument: it is not what it says it is; it gets no name.
        """
        command = f"load {image.names[0].familiar}" if image.names else f"load {image.target.short}"
        content = archive.content
        missing = lacking(content, content.holds)
        with self._store.leases.hold(command) as lease:
            graph = self._puller.bring(content, image.target, platform, lease, missing)
            if next(graph.manifests, None) is None and _names_documents(graph):
                raise NotFound(f"the archive has an index {image.target}, but none of the images in it")
            with self._store.database.write() as tx:
                self._puller.record(tx, graph)
                for name in image.names:
                    self._store.names.move(tx, name, image.target, command)
                if not image.names:
                    self._store.names.keep(tx, image.target)
        return Loaded(image.target, _id(graph), image.names)


def _names_documents(graph: Graph) -> bool:
    return any(
        mediatype.is_manifest(child.media_type)
        for node in graph.nodes
        if not isinstance(node.parsed, Manifest)
        for child in node.parsed.manifests
    )


def _id(graph: Graph) -> Digest:
    node = graph.chosen or graph.nodes[-1]
    if isinstance(node.parsed, Manifest) and node.parsed.is_image:
        return node.parsed.config.digest
    return graph.root.digest
