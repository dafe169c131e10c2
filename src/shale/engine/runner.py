"""What runs containers, put together: images found or pulled, snapshots, bundles, this machine's runtime."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import cached_property

from msgspec.structs import replace

from shale.container.config import make_spec
from shale.container.containers import Containers
from shale.container.folders import HeldFolder
from shale.container.lifecycle import Lifecycle
from shale.container.naming import check_name, new_id
from shale.container.ports import Workshop
from shale.container.put_down import PutDown
from shale.container.record import ContainerRecord
from shale.container.roots import SnapshotRoots
from shale.engine.parts import Parts
from shale.engine.policy import Policy
from shale.engine.runoptions import ContainerOptions
from shale.errors import NotFound
from shale.events import Listener, Notice, silent
from shale.image.fitting import best_offer
from shale.image.history import image_config
from shale.image.listing import ImageSummary, PlatformSummary
from shale.image.resolve import ImageNotFound, find_image, select_platform
from shale.linux import mount as mounting
from shale.oci.config import Execution, parse_config
from shale.oci.document import MAX_CONFIG
from shale.oci.manifest import Manifest
from shale.oci.platform import format_platform
from shale.oci.reference import Reference
from shale.runtime.bundle import BundleRequest, prepare_bundle
from shale.runtime.driver import Driver
from shale.runtime.host import examine_host
from shale.runtime.selftest import select_runtime
from shale.runtime.wishes import RunWishes, decode_wishes
from shale.store.store import Store

__all__ = ["Runner", "fill_volume", "image_roots"]


class Runner:
    """Makes containers of images, and runs them, for one engine."""

    def __init__(self, parts: Parts, containers: Containers) -> None:
        """Prepare; no program is looked for and nothing is mounted.

        Args:
            parts: of an open engine.
            containers: its rows.
        """
        self._parts = parts
        self._containers = containers
        roots = image_roots(parts)
        workshop = Workshop(roots, _RuntimeBundles(parts), self._driver, mounting)
        self.lifecycle = Lifecycle(containers, parts.store.content.is_whole, workshop)
        self.put_down = PutDown(containers, self._driver)

    def record(self, image: str, command: Sequence[str], options: ContainerOptions) -> ContainerRecord:
        """The record of a container that is not made yet.

        Args:
            image: a name or an id; pulled where that is needed.
            command: instead of the image's own, and of that of the wishes.
            options: what else was said.

        Raises:
            InvalidName: the name is none.
            NoCommand: neither the image nor the caller says what to run.
            ShaleError: the image is not here, and cannot be had.
        """
        name = options.get("name", "")
        name = check_name(name) if name else ""
        wishes = options.get("wishes") or RunWishes()
        if command:
            wishes = replace(wishes, args=tuple(command))
        platform = self._platform(image, options)
        container = new_id()
        spec = make_spec(
            image_config(self._parts.store, platform).config or Execution(),
            wishes,
            container=container,
            name=image,
            hostname=os.uname().nodename,
            remove=options.get("remove", False),
        )
        return ContainerRecord(container, name, image, platform.manifest, time.time(), spec)

    def _platform(self, image: str, options: ContainerOptions) -> PlatformSummary:
        """The image, as this machine or the caller wants it, pulled where that is needed."""
        store, host = self._parts.store, self._parts.settings.host
        wanted, policy = options.get("platform"), options.get("policy", Policy.MISSING)
        listener = options.get("listener", silent)
        chosen = None
        if policy is not Policy.ALWAYS:
            try:
                chosen = select_platform(find_image(store, image, host).image, wanted, host)
            except NotFound:
                if policy is Policy.NEVER:
                    raise
                familiar = Reference.parse(image).with_default_tag().familiar
                listener(Notice(f"Unable to find image '{familiar}' locally"))
        chosen = chosen or select_platform(self._pull(image, wanted, listener), wanted, host)
        if wanted is None and best_offer(host, [(chosen.platform, chosen)], host) is None:
            listener(Notice(
                f"WARNING: The requested image's platform ({chosen.platform}) does not match the detected host "
                f"platform ({format_platform(host)}) and no specific platform was requested"
            ))  # fmt: skip
        return chosen

    def _pull(self, image: str, platform: str | None, listener: Listener) -> ImageSummary:
        from shale.engine.transfers import Transfers  # noqa: PLC0415 - not where the image is here
        from shale.registry.client.cancel import Cancellation  # noqa: PLC0415 - as above

        pulled = Transfers(self._parts, listener, Cancellation()).pull(image, platform, Policy.ALWAYS)
        listener(Notice(f"Digest: {pulled.target}"))
        done = "Downloaded newer image" if pulled.changed else "Image is up to date"
        listener(Notice(f"Status: {done} for {pulled.reference.familiar}"))
        try:
            return find_image(self._parts.store, str(pulled.reference), self._parts.settings.host).image
        except ImageNotFound:
            raise NotFound(f"image {image} was removed while it was pulled; try again") from None

    @cached_property
    def _selected(self) -> Driver:
        return select_runtime(self._parts.settings.root, self._parts.settings.environ).driver

    def _driver(self) -> Driver:
        return self._selected


def image_roots(parts: Parts) -> SnapshotRoots:
    """What mounts the root file systems of containers."""
    return SnapshotRoots(parts.store, parts.snapshotting.standing, parts.snapshotting.copies)


class _RuntimeBundles:
    """`Bundles` as `shale.runtime` makes them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def write(self, record: ContainerRecord, held: HeldFolder) -> Sequence[str]:
        request = BundleRequest(
            container=record.id,
            folder=held.path,
            image=_execution(self._parts.store, record),
            wishes=decode_wishes(record.spec.wishes),
            environ=self._parts.settings.environ,
            fill=fill_volume,
        )
        return prepare_bundle(request, examine_host()).notes


def fill_volume(source: int, target: int) -> None:
    """Copy what an image has into an empty volume."""
    from shale.snapshot.treecopy import copy_tree  # noqa: PLC0415 - few containers have volumes

    copy_tree(source, target, keep_owner=True)


def _execution(store: Store, record: ContainerRecord) -> Execution:
    manifest = store.content.manifest(record.manifest)
    assert isinstance(manifest, Manifest)
    return parse_config(store.blobs.read(manifest.config.digest, MAX_CONFIG)).config or Execution()
