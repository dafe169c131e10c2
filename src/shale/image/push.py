"""Push: a graph from the store to a destination, children before parents, the tag last."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from shale.errors import NotFound
from shale.events import LayerProgress, LayerState, Listener, Notice
from shale.image.graph import Graph, Node, walk
from shale.image.parallel import run_all
from shale.image.ports import Destination
from shale.image.stored import StoredImages
from shale.oci.config import parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_CONFIG
from shale.oci.manifest import Manifest
from shale.oci.platform import Platform
from shale.registry.client.cancel import Cancellation
from shale.store.content import Source as Origin
from shale.store.store import Store

__all__ = ["ContentMissing", "Pushed", "Pusher"]


class ContentMissing(NotFound):
    """An image was pulled for one platform only, and something else of it is asked for."""


class Pushed(msgspec.Struct, frozen=True):
    """The result of one push.

    Attributes:
        tag: the tag that was set; None where it was pushed by digest only.
        digest: of the document that it points at.
        size: bytes of that document.
    """

    tag: str | None
    digest: Digest
    size: int


class Pusher:
    """Sends images of one store elsewhere."""

    def __init__(self, store: Store, listener: Listener, cancel: Cancellation, *, jobs: int = 4) -> None:
        """Prepare.

        Args:
            store: where from.
            listener: told what happens.
            cancel: cancelled by whoever wants the work to end.
            jobs: how many blobs at a time.
        """
        self._store = store
        self._stored = StoredImages(store)
        self._listener = listener
        self._cancel = cancel
        self._jobs = jobs

    def push(
        self,
        target: Digest,
        destination: Destination,
        tags: Sequence[str | None],
        platform: Platform | None,
        host: Platform,
        origin: Origin | None = None,
    ) -> list[Pushed]:
        """Send an image.

        Args:
            target: the manifest or index.
            destination: where to.
            tags: to set there, in this order; None to send it under its digest only.
            platform: send only this platform of an index; None sends the whole index where all of it is
                here, and otherwise the manifest that fits the host, with a notice that says so.
            host: the platform to choose then.
            origin: the repository, to be remembered for later mounts.

        Raises:
            ContentMissing: what should be sent is not all here.
        """
        with self._store.leases.hold(f"push {target.short}") as lease:
            lease.protect([target])
            graph = self._choose(target, platform, host)
            for node in graph.nodes:
                if isinstance(node.parsed, Manifest):
                    self._blobs(destination, node.parsed)
                if node.document.digest != graph.root.digest:
                    destination.put_document(node.document)
            for tag in tags:
                destination.put_document(graph.root, tag)
            if origin is not None:
                with self._store.database.write() as tx:
                    self._store.content.record_source(tx, origin, [blob.digest for blob in graph.blobs])
        return [Pushed(tag, graph.root.digest, len(graph.root.raw)) for tag in tags]

    def _choose(self, target: Digest, platform: Platform | None, host: Platform) -> Graph:
        root = self._stored.document(target)
        if platform is None:
            try:
                graph = walk(self._stored, root)
                missing = next((blob for blob in graph.blobs if not self._stored.holds(blob)), None)
                if missing is None:
                    return graph
            except NotFound:
                pass
        chosen = walk(self._stored, root, platform or host).chosen
        assert chosen is not None
        graph = Graph(chosen.document, [chosen], chosen)
        for blob in graph.blobs:
            if not self._stored.holds(blob):
                raise ContentMissing(
                    f"blob {blob.digest} of {target.short} is not in the store; pull the image again"
                )
        if platform is None and graph.root.digest != target:
            self._listener(
                Notice(
                    f"Not all platforms of this image are here: pushing only {self._platform(chosen)}; "
                    "pull with --platform all to push the whole index"
                )
            )
        return graph

    def _platform(self, node: Node) -> Platform:
        assert isinstance(node.parsed, Manifest)
        return parse_config(self._store.blobs.read(node.parsed.config.digest, MAX_CONFIG)).platform

    def _blobs(self, destination: Destination, manifest: Manifest) -> None:
        labels = self._labels(manifest)
        for label in reversed(labels.values()):
            self._listener(LayerProgress(label, LayerState.PREPARING))
        unique = {child.digest: child for child in reversed(manifest.children)}
        run_all(
            [partial(self._blob, destination, one, labels.get(one.digest, "")) for one in unique.values()],
            self._jobs,
            self._cancel,
        )

    def _labels(self, manifest: Manifest) -> dict[Digest, str]:
        """How people know the layers of a push: by DiffID, as docker shows them; a config is not shown."""
        shown = [layer.digest.short for layer in manifest.layers]
        if manifest.is_image:
            config = parse_config(self._store.blobs.read(manifest.config.digest, MAX_CONFIG))
            shown = [diff_id.short for diff_id in config.rootfs.diff_ids]
        return dict(zip((layer.digest for layer in manifest.layers), shown, strict=True))

    def _blob(self, destination: Destination, descriptor: Descriptor, label: str) -> None:
        def progress(sent: int) -> None:
            self._cancel.check()
            if label:
                self._listener(LayerProgress(label, LayerState.PUSHING, sent, descriptor.size))

        outcome = destination.put_blob(descriptor, partial(self._stored.open_at, descriptor.digest), progress)
        if not label:
            return
        if outcome.mounted_from:
            done = LayerProgress(label, LayerState.MOUNTED, origin=outcome.mounted_from)
        elif outcome.existed:
            done = LayerProgress(label, LayerState.REMOTE_EXISTS)
        else:
            done = LayerProgress(label, LayerState.PUSHED, descriptor.size, descriptor.size)
        self._listener(done)
