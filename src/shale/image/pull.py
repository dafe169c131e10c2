"""Pull: a graph from a source into the store, under a name.

The order is what makes it safe: lease, documents, blobs (each durable before its row), and in one last
transaction the rows of the documents and the name. A kill anywhere leaves bytes that the next pull uses.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from shale.events import LayerProgress, LayerState, Listener
from shale.image.expectation import DiffIDMismatch, Expectation
from shale.image.graph import Graph, Node, walk
from shale.image.intake import Intake
from shale.image.making import LayerMaking, Mountable
from shale.image.parallel import run_all
from shale.image.ports import BlobSink, Document, Source
from shale.oci import mediatype
from shale.oci.config import ImageConfig, parse_config
from shale.oci.descriptor import Descriptor
from shale.oci.digest import Digest
from shale.oci.document import MAX_CONFIG, MAX_MANIFEST
from shale.oci.manifest import Manifest, detect_media_type
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation
from shale.store.blobs import BlobDamaged, BlobNotFound
from shale.store.content import Source as Origin
from shale.store.database import Transaction
from shale.store.leases import Lease
from shale.store.store import Store

__all__ = ["Pulled", "Puller"]


class Pulled(msgspec.Struct, frozen=True):
    """The result of one pull.

    Attributes:
        reference: the name, with its tag or digest.
        target: digest of what it points at now.
        changed: whether the name came to point there just now.
    """

    reference: Reference
    target: Digest
    changed: bool


class _StoreFirst:
    """A source that takes from the store the documents that are there."""

    def __init__(self, store: Store, behind: Source) -> None:
        self._store = store
        self._behind = behind

    def document(self, reference: Digest | str) -> Document:
        if isinstance(reference, Digest):
            with suppress(BlobNotFound, BlobDamaged):
                raw = self._store.blobs.read(reference, MAX_MANIFEST)
                return Document(raw, detect_media_type(raw), reference)
        return self._behind.document(reference)

    def fetch(self, descriptor: Descriptor, sink: BlobSink) -> None:
        self._behind.fetch(descriptor, sink)


class Puller:
    """Brings images into one store."""

    def __init__(
        self,
        store: Store,
        listener: Listener,
        cancel: Cancellation,
        *,
        jobs: int = 4,
        mountable: Callable[[], Mountable | None] = lambda: None,
    ) -> None:
        """Prepare.

        Args:
            store: where to.
            listener: told what happens.
            cancel: cancelled by whoever wants the work to end.
            jobs: how many blobs at a time.
            mountable: asked when layers are to be fetched; makes those of what runs here mountable on the way.
        """
        self._store = store
        self._listener = listener
        self._cancel = cancel
        self._jobs = jobs
        self._mountable = mountable

    def pull(
        self,
        source: Source,
        reference: Reference,
        platform: Platform | None,
        command: str,
        origin: Origin | None = None,
        at: Digest | None = None,
    ) -> Pulled:
        """Bring what a reference means at a source, and give it that name here.

        Args:
            source: where from.
            reference: with a tag, a digest, or both (then the digest counts).
            platform: what to take of an index; None takes everything.
            command: what does it, for the log of names.
            origin: the repository, to be remembered for mounts and for healing.
            at: the digest that the tag is known to mean there.

        Raises:
            NotFound: the source has no such image, or none for the platform.
            Corrupt, InvalidDocument: what came is not what it should be.
        """
        wanted = reference.digest or at or reference.with_default_tag().tag
        assert wanted is not None
        with self._store.leases.hold(command) as lease:
            # A digest that is here was perhaps never in this repository: then only the repository can tell.
            seen = at is not None or (isinstance(wanted, Digest) and self._was_seen(wanted, origin))
            graph = self.bring(source, wanted, platform, lease, ask=not seen)
            with self._store.database.write() as tx:
                self.record(tx, graph)
                if origin is not None:
                    digests = [node.document.digest for node in graph.nodes]
                    digests += [blob.digest for blob in graph.blobs]
                    self._store.content.record_source(tx, origin, digests)
                changed = self._point(tx, reference, graph.root.digest, command)
        return Pulled(reference, graph.root.digest, changed)

    def bring(
        self,
        source: Source,
        wanted: Digest | str,
        platform: Platform | None,
        lease: Lease,
        missing: Callable[[Descriptor], bool] = lambda _: False,
        *,
        ask: bool = False,
    ) -> Graph:
        """Bring a graph's bytes into the store; it has no rows and no name yet.

        Args:
            source: where from.
            wanted: digest or tag of its root.
            platform: what to take of an index; None takes everything.
            lease: keeps what came, until `record` and a name or a root do.
            missing: tells which children of an index the source lacks, where everything is taken.
            ask: have the root from the source, though it is here already.
        """
        behind, source = source, _StoreFirst(self._store, source)
        intake = Intake(self._store, self._listener, self._cancel.check)

        def keep(document: Document) -> None:
            lease.protect([document.digest])
            intake.document(document)

        root = (behind if ask else source).document(wanted)
        graph = walk(source, root, platform, keep, missing)
        lease.protect(blob.digest for blob in graph.blobs)
        platforms = graph.platforms
        for node in graph.nodes:
            manifest = node.parsed
            if not isinstance(manifest, Manifest):
                continue
            if not manifest.is_image:
                unique = {child.digest: child for child in manifest.children}
                tasks = [partial(intake.blob, source, blob) for blob in unique.values()]
                run_all(tasks, self._jobs, self._cancel)
            elif not self._has(manifest):
                self._image(intake, source, manifest, platforms.get(node.document.digest))
        return graph

    def _was_seen(self, digest: Digest, origin: Origin | None) -> bool:
        """Whether what is here of this digest came from there."""
        return origin is None or origin in self._store.content.sources(digest)

    def _has(self, manifest: Manifest) -> bool:
        """Whether an image is here already, whole and verified."""
        records = self._store.content.layers(manifest.layers)
        if not self._store.content.is_complete(manifest):
            return False
        expectation = Expectation(manifest)
        try:
            expectation.tell(self._config(manifest))
        except BlobDamaged:
            return False
        for position, layer in enumerate(manifest.layers):
            record = records.get(layer.digest)
            if record is None and mediatype.is_layer(layer.media_type):
                return False
            if record is not None and record.diff_id != expectation.of(position):
                raise DiffIDMismatch(layer.digest, expectation.of(position), record.diff_id)
        return True

    def _image(self, intake: Intake, source: Source, manifest: Manifest, said: Platform | None) -> None:
        """Bring an image; `said` is what an index says of its platform."""
        for layer in manifest.layers:
            self._listener(LayerProgress(layer.digest.short, LayerState.PULLING, 0, layer.size))
        expectation = Expectation(manifest)

        def bring_config() -> None:
            try:
                intake.config(source, manifest.config)
                expectation.tell(self._config(manifest))
            finally:
                expectation.give_up()

        # The config first, because every layer waits for it in the end; then the largest, because with
        # several at a time the one that takes longest should not begin last.
        positions = {layer.digest: at for at, layer in reversed(list(enumerate(manifest.layers)))}
        largest_first = sorted(positions.values(), key=lambda at: -manifest.layers[at].size)
        tasks: list[Callable[[], None]] = [bring_config]
        for at in largest_first:
            layer = manifest.layers[at]
            if mediatype.is_layer(layer.media_type):
                making = self._making(manifest, layer, said, expectation)
                tasks.append(partial(intake.layer, source, layer, partial(expectation.of, at), making))
            else:
                tasks.append(partial(intake.blob, source, layer))
        run_all(tasks, max(2, self._jobs), self._cancel)

    def _making(
        self, manifest: Manifest, layer: Descriptor, said: Platform | None, expectation: Expectation
    ) -> LayerMaking | None:
        mountable = self._mountable()
        if mountable is None or (said is not None and not mountable.runs(said)):
            return None
        return mountable.making(
            layer.digest,
            room=sum(child.size for child in manifest.children),
            check=self._cancel.check,
            wanted=lambda: mountable.runs(expectation.platform()),
        )

    def _config(self, manifest: Manifest) -> ImageConfig:
        raw = self._store.blobs.read(manifest.config.digest, MAX_CONFIG)
        return parse_config(raw, what=f"image config {manifest.config.digest}")

    def record(self, tx: Transaction, graph: Graph) -> None:
        """Write the rows of a graph's documents: from then on it can be named and listed."""
        content = self._store.content
        content.record_blobs(tx, [(node.document.digest, len(node.document.raw)) for node in graph.nodes])
        for node in graph.nodes:
            content.record_manifest(tx, node.document.digest, node.parsed, self._config_of(node))

    def _config_of(self, node: Node) -> ImageConfig | None:
        if isinstance(node.parsed, Manifest) and node.parsed.is_image:
            return self._config(node.parsed)
        return None

    def _point(self, tx: Transaction, reference: Reference, target: Digest, command: str) -> bool:
        names = self._store.names
        changed = names.move(tx, reference.with_digest(target), target, command)
        if reference.digest is None:
            changed = names.move(tx, reference.with_default_tag(), target, command)
        return changed
