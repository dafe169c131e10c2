"""Who uses an image: containers that were made of it, and places where it is mounted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from shale.errors import Conflict
from shale.image.listing import ImageSummary
from shale.linux.boot import ProcessIdentity, boot_id, is_alive
from shale.oci.digest import Digest, ImageID
from shale.store.database import Transaction

__all__ = ["ImageInUse", "Use", "UsedImage", "uses", "uses_of"]


class ImageInUse(Conflict):
    """What should be removed is in use: by containers, mounts, or other names of the image."""


class Use(msgspec.Struct, frozen=True):
    """One that uses an image.

    Attributes:
        container: its short id; empty where this is a mount.
        running: whether a process of the container lives, as far as can be seen.
        place: where the image is mounted; empty where this is a container.
    """

    container: str = ""
    running: bool = False
    place: str = ""

    @property
    def text(self) -> str:
        """How docker says it of a container; and of a mount."""
        if self.place:
            return f"image is mounted at {self.place}"
        return f"image is being used by {'running' if self.running else 'stopped'} container {self.container}"


class UsedImage(ImageInUse):
    """An image cannot be removed because of who uses it."""

    def __init__(self, text: str, image: ImageID, use: Use, *, by_name: bool) -> None:
        if not by_name:
            forced = "cannot be forced" if use.running else "must be forced"
            message = f"conflict: unable to delete {image.short} ({forced}) - {use.text}"
        elif use.place:
            message = f'conflict: unable to remove repository reference "{text}" (must force) - {use.text}'
        else:
            message = (
                f'conflict: unable to remove repository reference "{text}" (must force) - container '
                f"{use.container} is using its referenced image {image.short}"
            )
        super().__init__(message)
        self.use = use


def uses(tx: Transaction) -> Mapping[Digest, list[Use]]:
    """Everybody who uses an image now, by the digest of its manifest; running containers first."""
    found: dict[Digest, list[Use]] = {}
    rows = tx.rows("SELECT manifest, id, boot, namespace, pid, ticks FROM containers ORDER BY created")
    containers = [(Digest.parse(manifest), Use(key[:12], _runs(process))) for manifest, key, *process in rows]
    for manifest, use in sorted(containers, key=lambda one: not one[1].running):
        found.setdefault(manifest, []).append(use)
    for manifest, place in tx.rows("SELECT manifest, place FROM mounts WHERE boot = ?", (boot_id(),)):
        found.setdefault(Digest.parse(manifest), []).append(Use(place=place))
    return found


def _runs(process: list[str | int | None]) -> bool:
    boot, namespace, pid, ticks = process
    if not isinstance(boot, str):
        return False
    assert isinstance(namespace, int)
    assert isinstance(pid, int)
    assert isinstance(ticks, int)
    return is_alive(ProcessIdentity(boot, namespace, pid, ticks)) is not False


def uses_of(image: ImageSummary, known: Mapping[Digest, list[Use]]) -> list[Use]:
    """Who uses an image, in any of its platforms."""
    manifests: Iterable[Digest] = {image.target, *(one.manifest for one in image.platforms)}
    return sorted((use for one in manifests for use in known.get(one, ())), key=lambda use: not use.running)
