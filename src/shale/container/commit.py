"""Making an image of what a container changed: its image's layers as they are, and one more.

The config is the image's, with what the container was made with in place of how the image is run, as docker
does it; a container that changed nothing adds a step to the history, and no layer.

Specification: docs.docker.com "docker container commit"; image-spec config.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import msgspec

from shale.container.changes import write_changes
from shale.container.record import ContainerRecord
from shale.container.states import State
from shale.container.view import Changed, Views
from shale.image.changes import apply_changes
from shale.image.packing import LayerPacker
from shale.image.written import Made, keep_image, keep_layer
from shale.layer.verify import LayerFacts
from shale.linux.cgroup import read_cgroups
from shale.linux.freezing import frozen
from shale.oci import mediatype
from shale.oci.config import Execution, History, RootFS, parse_config
from shale.oci.document import MAX_CONFIG
from shale.oci.manifest import Manifest
from shale.oci.reference import Reference
from shale.runtime.wishes import VolumeMount, decode_wishes
from shale.store.ingest import Ingest
from shale.store.store import Store

__all__ = ["CommitWishes", "Committer"]


class CommitWishes(msgspec.Struct, frozen=True):
    """What the image should be, beyond the container.

    Attributes:
        created: RFC 3339.
        author: of the image; none of the parent's.
        comment: for its history.
        changes: instructions that change its config.
        reference: the name to give to it.
        pause: whether a running container is held still meanwhile.
    """

    created: str
    author: str | None = None
    comment: str | None = None
    changes: Sequence[str] = ()
    reference: Reference | None = None
    pause: bool = True


class _Unchanged(Exception):
    """There is nothing to make a layer of."""


class Committer:
    """Makes images of the containers of one store."""

    def __init__(self, store: Store, views: Views, check: Callable[[], None]) -> None:
        """Prepare.

        Args:
            store: where to.
            views: trees of containers.
            check: called often; it may raise to stop.
        """
        self._store = store
        self._views = views
        self._check = check

    def commit(self, record: ContainerRecord, wishes: CommitWishes) -> Made:
        """Make an image of a container.

        Raises:
            InvalidChange: a change is malformed; nothing was read then.
            BeingRemoved: the container is being taken away.
            DiskFull, NoPermission, StorageFailure: the disk; nothing of the image is left.
            ShaleError: the container's own image cannot be read.
        """
        store = self._store
        execution = apply_changes(_execution(record), wishes.changes)
        store, reference = self._store, wishes.reference
        command = f"commit {record.name}" + (f" {reference.familiar}" if reference else "")
        with store.leases.hold(command) as lease:
            lease.protect([record.manifest])
            parent = store.content.manifest(record.manifest)
            assert isinstance(parent, Manifest)
            config = parse_config(store.blobs.read(parent.config.digest, MAX_CONFIG))
            form = parent.media_type or mediatype.OCI_MANIFEST
            layers, diff_ids = parent.layers, config.rootfs.diff_ids
            with self._views.changed(record) as changed, self._still(record, wishes), suppress(_Unchanged):
                layer, facts = keep_layer(store, lease, form, lambda ingest: self._pack(ingest, changed))
                layers, diff_ids = (*layers, layer), (*diff_ids, facts.diff_id)
            step = _step(record, wishes, changed=len(layers) > len(parent.layers))
            made = msgspec.structs.replace(
                config,
                created=wishes.created,
                author=wishes.author,
                docker_version=None,
                config=execution,
                rootfs=RootFS(diff_ids=diff_ids),
                history=(*(config.history or ()), step),
            )
            return keep_image(
                store, lease, made, layers, form=form, reference=reference, command=command, check=self._check
            )

    @contextmanager
    def _still(self, record: ContainerRecord, wishes: CommitWishes) -> Iterator[None]:
        """Hold a running container still: what it changes meanwhile would be half in the layer."""
        if not wishes.pause or record.state is not State.RUNNING:
            yield
            return
        with frozen(read_cgroups(), self._views.cgroup(record)):
            yield

    def _pack(self, ingest: Ingest, changed: Changed) -> LayerFacts:
        with closing(LayerPacker(ingest)) as packer:
            written = write_changes(changed, packer.write, self._check)
            if not written.entries:
                raise _Unchanged
            return packer.finish(written.entries, written.content_size)


def _execution(record: ContainerRecord) -> Execution:
    """How an image of the container is run: as the container, which has its volumes."""
    execution = msgspec.convert(record.spec.config, Execution)
    mounts = decode_wishes(record.spec.wishes).mounts
    volumes: dict[str, Any] = {one.target: {} for one in mounts if isinstance(one, VolumeMount)}
    if not volumes:
        return execution
    return msgspec.structs.replace(execution, volumes={**(execution.volumes or {}), **volumes})


def _step(record: ContainerRecord, wishes: CommitWishes, *, changed: bool) -> History:
    return History(
        created=wishes.created,
        created_by=" ".join(record.spec.config.get("Cmd") or ()),
        author=wishes.author,
        comment=wishes.comment,
        empty_layer=None if changed else True,
    )
