"""What an image's config will say of its layers, for those who have a layer before the config is here."""

from __future__ import annotations

import threading

from shale.errors import Cancelled, Corrupt
from shale.oci.config import ImageConfig
from shale.oci.digest import DiffID, Digest
from shale.oci.document import InvalidDocument
from shale.oci.manifest import Manifest
from shale.oci.platform import Platform

__all__ = ["DiffIDMismatch", "Expectation"]


class DiffIDMismatch(Corrupt):
    """A layer, inflated, is not the tar that the image's config names."""

    def __init__(self, layer: Digest, expected: DiffID, found: DiffID) -> None:
        super().__init__(
            f"layer {layer} unpacks to {found}, but the image's config says {expected}; "
            "the image is broken where it comes from"
        )


class Expectation:
    """What the config will say of the layers, for those who have their layer before the config is here."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._told = threading.Event()
        self._diff_ids: tuple[DiffID, ...] = ()
        self._platform = Platform(os="", architecture="")

    def tell(self, config: ImageConfig) -> None:
        """The config is here.

        Raises:
            InvalidDocument: it does not have one DiffID for each layer.
        """
        layers, diff_ids = self._manifest.layers, config.rootfs.diff_ids
        if len(layers) != len(diff_ids):
            raise InvalidDocument(
                f"image config {self._manifest.config.digest} names {len(diff_ids)} layers, "
                f"its manifest has {len(layers)}"
            )
        named = dict(zip((layer.digest for layer in layers), diff_ids, strict=True))
        for layer, diff_id in zip(layers, diff_ids, strict=True):
            if named[layer.digest] != diff_id:
                raise DiffIDMismatch(layer.digest, diff_id, named[layer.digest])
        self._diff_ids, self._platform = diff_ids, config.platform
        self._told.set()

    def give_up(self) -> None:
        """The config will not come."""
        self._told.set()

    def of(self, position: int) -> DiffID:
        """The DiffID of one layer, when it is known."""
        self._told.wait()
        if not self._diff_ids:
            raise Cancelled("stopped, because the image's config could not be fetched")
        return self._diff_ids[position]

    def platform(self) -> Platform:
        """What the image is for; to be asked after a DiffID."""
        return self._platform
