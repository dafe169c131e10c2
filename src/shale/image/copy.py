"""Copy: a graph from any source to any landing, children before parents, each blob verified on its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from shale.errors import NotFound
from shale.events import LayerProgress, LayerState, Listener
from shale.image.graph import Graph, walk
from shale.image.landing import Label, Landing
from shale.image.parallel import run_all
from shale.image.ports import Source
from shale.oci import mediatype
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.manifest import Index, Manifest
from shale.oci.platform import Platform
from shale.registry.client.cancel import Cancellation

__all__ = ["Copier", "NothingThere"]


class NothingThere(NotFound):
    """An index is there, but none of its images."""


class Copier:
    """Copies images from one source."""

    def __init__(self, source: Source, listener: Listener, cancel: Cancellation) -> None:
        """Prepare.

        Args:
            source: where from.
            listener: told what happens.
            cancel: cancelled by whoever wants the work to end.
        """
        self._source = source
        self._listener = listener
        self._cancel = cancel

    def copy(
        self,
        wanted: Digest | str,
        landing: Landing,
        labels: Sequence[Label],
        platform: Platform | None = None,
        missing: Callable[[Descriptor], bool] = lambda _: False,
    ) -> Graph:
        """Copy an image.

        Args:
            wanted: digest or tag of its root.
            landing: where to.
            labels: what to call it there.
            platform: copy only the manifest for this platform, without its index; None copies everything.
            missing: tells which children of an index the source lacks, where everything is copied.

        Returns:
            What was copied.

        Raises:
            NotFound: the source lacks it, or some of it, or has nothing for the platform.
            Corrupt, InvalidDocument: it is not what it says it is.
        """
        graph = walk(self._source, self._source.document(wanted), platform, missing=missing)
        if graph.chosen is not None:
            graph = Graph(graph.chosen.document, [graph.chosen], graph.chosen)
        _check_whole(graph)
        for node in graph.nodes:
            if isinstance(node.parsed, Manifest):
                self._blobs(landing, node.parsed)
            if node.document.digest != graph.root.digest:
                landing.put_document(node.document)
        landing.put_root(graph, labels)
        return graph

    def _blobs(self, landing: Landing, manifest: Manifest) -> None:
        unique = list({child.digest: child for child in manifest.children}.values())
        for layer in manifest.layers:
            self._listener(LayerProgress(layer.digest.short, LayerState.PULLING, 0, layer.size))
        if landing.jobs > 1:
            # The one that takes longest should not begin last.
            unique.sort(key=lambda child: -child.size)
        shown = {layer.digest for layer in manifest.layers}
        tasks = [partial(self._blob, landing, one, shown=one.digest in shown) for one in unique]
        run_all(tasks, landing.jobs, self._cancel)

    def _blob(self, landing: Landing, descriptor: Descriptor, *, shown: bool) -> None:
        short, size = descriptor.digest.short, descriptor.size

        def progress(done: int) -> None:
            self._cancel.check()
            if shown:
                self._listener(LayerProgress(short, LayerState.DOWNLOADING, done, size))

        outcome = landing.take(self._source, descriptor, progress)
        if not shown:
            return
        state = LayerState.DOWNLOADED
        if outcome.mounted_from:
            state = LayerState.MOUNTED
        elif outcome.existed:
            state = LayerState.EXISTS
        self._listener(LayerProgress(short, state, size, size, outcome.mounted_from))


def _check_whole(graph: Graph) -> None:
    """An index of which nothing is there is no image."""
    last = graph.nodes[-1].parsed
    if isinstance(last, Index) and len(graph.nodes) == 1:
        documents = [one for one in last.manifests if mediatype.is_manifest(one.media_type)]
        if documents:
            raise NothingThere(f"of index {graph.root.digest} there is none of its {len(documents)} images")
