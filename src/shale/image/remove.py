"""Removing images and names, and collecting what nothing needs any more.

Invariant: names and roots are gone, durably, before the first file is removed. A kill in between leaves blobs
that nothing reaches, for the next collecting; the other order would leave names whose blobs are gone.

Every removal can be rehearsed: it runs in a transaction that is rolled back, so what a rehearsal tells is
exactly what the removal would do at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from shale.errors import ShaleError
from shale.image.history import image_config
from shale.image.listing import ImageSummary, list_images
from shale.image.resolve import Found, find_image
from shale.image.uses import ImageInUse, UsedImage, uses, uses_of
from shale.oci.digest import Digest, chain_ids
from shale.oci.platform import Platform
from shale.oci.reference import Reference
from shale.store.collect import Garbage
from shale.store.database import Transaction
from shale.store.store import Store

__all__ = ["Removal", "Remover"]


class Removal(msgspec.Struct, frozen=True):
    """What a removal did, or would do.

    Attributes:
        untagged: names that are gone, in familiar form.
        deleted: ids of images, and ChainIDs of their layers, that are gone.
        garbage: the blobs and mountable layers that are gone.
    """

    untagged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    garbage: Garbage = msgspec.field(default_factory=Garbage)


class _Named(NamedTuple):
    reference: Reference
    target: Digest


def _names_of(images: Iterable[ImageSummary]) -> list[_Named]:
    return [_Named(name, image.target) for image in images for name in (*image.names, *image.digests)]


class _Rehearsed(Exception):
    def __init__(self, removal: Removal) -> None:
        self.removal = removal


def _removal(untagged: Iterable[Reference], shown: Mapping[Digest, list[str]], garbage: Garbage) -> Removal:
    gone = {digest for digest, _ in garbage.blobs}
    deleted = [text for digest, texts in shown.items() if digest in gone for text in texts]
    return Removal(tuple(name.familiar for name in untagged), tuple(deleted), garbage)


class Remover:
    """Removes from one store."""

    def __init__(self, store: Store, host: Platform) -> None:
        self._store = store
        self._host = host

    def remove(self, text: str, *, force: bool = False, prune: bool = True, command: str = "rm") -> Removal:
        """Remove what a person names: a tag, or with its last tag the image.

        Args:
            text: a name, a digest or an id.
            force: remove an image by id though several repositories name it.
            prune: collect what nothing needs any more; false leaves it for a later prune.
            command: what does it, for the log of names.

        Raises:
            ImageNotFound: nothing of that name or id.
            ImageInUse: by id, and several repositories name it; or by the digest of what a tag keeps.
            UsedImage: nothing of it would be left but what a container or a mount uses. Forced, names go and
                what is used stays until it is used no more; an id of what runs cannot be forced.
        """
        found = find_image(self._store, text, self._host)
        if found.reference is not None:
            names = [_Named(name, found.image.target) for name in self._names_to_drop(found)]
            if not names:
                others = ", ".join(sorted(name.familiar for name in found.image.names))
                raise ImageInUse(f"{text} is no name of its own, but content of {others}; remove that")
            targets = [found.image] if len(names) == len(found.image.names) + len(found.image.digests) else []
            targets = self._unless_used(text, targets, force=force, by_name=True)
        else:
            targets = [one for one in list_images(self._store, self._host) if one.id == found.image.id]
            names = _names_of(targets)
            if len({name.reference.name for name in names}) > 1 and not force:
                raise ImageInUse(
                    f"unable to delete {found.image.id.short} (must be forced): several repositories name it: "
                    + ", ".join(sorted(name.reference.familiar for name in names if name.reference.tag))
                )
            targets = self._unless_used(text, targets, force=force, by_name=False)
        return self._commit(names, targets, command, collect=prune)

    def _unless_used(
        self, text: str, targets: Sequence[ImageSummary], *, force: bool, by_name: bool
    ) -> list[ImageSummary]:
        """What may go of what should; where it is forced, what runs or is mounted loses its names only."""
        with self._store.database.read() as tx:
            known = uses(tx)
        free = []
        for target in targets:
            used = uses_of(target, known)
            for use in used:
                if not force or (use.running and not by_name):
                    raise UsedImage(text, target.id, use, by_name=by_name)
            if not any(use.running or use.place for use in used):
                free.append(target)
        return free

    def untag(self, reference: Reference, command: str) -> None:
        """Take one tag away and leave the image, even where it was its last name.

        Raises:
            NameNotFound: nothing of that name.
        """
        with self._store.database.write() as tx:
            self._store.names.remove(tx, reference, command)

    def remove_images(self, images: Sequence[ImageSummary], command: str, *, rehearse: bool = False) -> Removal:
        """Remove whole images with all their names, and collect.

        Args:
            images: which; those that are in use are left alone.
            command: what does it, for the log of names.
            rehearse: only tell what would go.
        """
        with self._store.database.read() as tx:
            known = uses(tx)
        images = [image for image in images if not uses_of(image, known)]
        names = _names_of(images)
        if not rehearse:
            return self._commit(names, images, command, collect=True)
        shown = self._deleted(images)
        try:
            with self._store.database.write() as tx:
                untagged = self._forget(tx, names, images, command)
                garbage = self._store.collector.collect(tx, files=False)
                raise _Rehearsed(_removal(untagged, shown, garbage))
        except _Rehearsed as done:
            return done.removal

    def _names_to_drop(self, found: Found) -> list[Reference]:
        """The name itself, and with the last tag of a repository the digests known under it."""
        assert found.reference is not None
        image, reference = found.image, found.reference
        names = [reference] if reference in (*image.names, *image.digests) else []
        others = [one for one in image.names if one.name == reference.name and one != reference]
        if not others:
            names += [one for one in image.digests if one.name == reference.name and one not in names]
        return names

    def _commit(
        self, names: Sequence[_Named], images: Sequence[ImageSummary], command: str, *, collect: bool
    ) -> Removal:
        shown = self._deleted(images)
        with self._store.database.write() as tx:
            untagged = self._forget(tx, names, images, command)
        garbage = Garbage()
        if collect:
            with self._store.database.write() as tx:
                garbage = self._store.collector.collect(tx)
            self._store.layers.sweep()
        return _removal(untagged, shown, garbage)

    def _forget(
        self, tx: Transaction, names: Sequence[_Named], images: Sequence[ImageSummary], command: str
    ) -> list[Reference]:
        """Take names away, and let go of images that have none then; the names that are gone."""
        gone = []
        for name in names:
            # Another process may have moved the name since we looked: then it is not what was meant.
            if self._store.names.target(tx, name.reference) == name.target:
                self._store.names.remove(tx, name.reference, command)
                gone.append(name.reference)
        for image in images:
            self._store.names.forget(tx, image.target)
        return gone

    def _deleted(self, images: Sequence[ImageSummary]) -> dict[Digest, list[str]]:
        """What to show as deleted when a blob goes: image ids for configs, ChainIDs for layers, as docker."""
        shown: dict[Digest, list[str]] = {}
        for platform in (platform for image in images for platform in image.platforms):
            with suppress(
                ShaleError
            ):  # gone since, or damaged: what cannot be read can be removed all the same
                manifest = self._store.content.manifest(platform.manifest)
                config = image_config(self._store, platform)
                shown.setdefault(platform.config, [str(platform.id)])
                chain = chain_ids(config.rootfs.diff_ids)
                layers = zip(manifest.children[1:], chain, strict=False)
                for layer, chain_id in reversed(list(layers)):
                    shown.setdefault(layer.digest, [str(chain_id)])
        return shown
