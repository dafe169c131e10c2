"""Saving, loading and importing: archives and one store; the files' side of `Images`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from shale.engine.created import created
from shale.engine.parts import Parts
from shale.engine.saveformat import SaveFormat
from shale.errors import Invalid
from shale.events import Listener
from shale.image.archive.contents import lacking
from shale.image.archive.layoutfolder import LayoutFolder
from shale.image.archive.load import Loaded, Loader
from shale.image.archive.opening import open_archive
from shale.image.archive.outfile import whole_file
from shale.image.archive.reading import read_archive
from shale.image.archive.tarlanding import TarLanding
from shale.image.copy import Copier
from shale.image.landing import Label, Landing
from shale.image.resolve import find_image
from shale.image.rootfs import Importer, Wishes
from shale.image.stored import StoredImages
from shale.image.written import Made
from shale.oci.digest import Digest
from shale.oci.platform import Platform, parse_platform
from shale.oci.reference import InvalidReference, Reference
from shale.registry.client.cancel import Cancellation

__all__ = ["Archives"]

_ALL: Final = "all"


class Archives(msgspec.Struct, frozen=True):
    """Archives of one engine.

    Attributes:
        parts: of an open engine.
        listener: told what happens.
        cancel: stops everything that is begun here.
    """

    parts: Parts
    listener: Listener
    cancel: Cancellation

    def save(
        self, names: Sequence[str], destination: Path | BinaryIO, form: SaveFormat, platform: str | None
    ) -> None:
        """Save images; see `Images.save`."""
        if not names:
            raise Invalid("save needs the name of an image")
        store, host = self.parts.store, self.parts.settings.host
        wanted = parse_platform(platform, host) if platform and platform != _ALL else None
        chosen = self._choose(names)
        source = StoredImages(store)
        with store.leases.hold(f"save {' '.join(names)}"[:200]) as lease:
            lease.protect(chosen)
            with self._landing(destination, form) as landing:
                for target, references in chosen.items():
                    labels = [Label(_ref_name(one), one) for one in references]
                    Copier(source, self.listener, self.cancel).copy(
                        target, landing, labels, wanted, lacking(source, source.holds)
                    )

    def _choose(self, names: Sequence[str]) -> dict[Digest, list[Reference]]:
        """The images that names mean, each with the names to save it under; a repository means all its tags."""
        chosen: dict[Digest, list[Reference]] = {}
        for name in names:
            for target, reference in self._meant(name):
                known = chosen.setdefault(target, [])
                if reference is not None and reference not in known:
                    known.append(reference)
        return chosen

    def _meant(self, name: str) -> list[tuple[Digest, Reference | None]]:
        try:
            typed = Reference.parse(name)
        except InvalidReference:
            typed = None  # an id
        if typed is not None and typed.tag is None and typed.digest is None:
            tagged = [
                (one.target, one.reference)
                for one in self.parts.store.names.all()
                if one.reference.name == typed.name and one.reference.tag is not None
            ]
            if tagged:
                return [(target, reference) for target, reference in tagged]
        found = find_image(self.parts.store, name, self.parts.settings.host)
        tag = found.reference if found.reference is not None and found.reference.tag is not None else None
        return [(found.image.target, tag)]

    @contextmanager
    def _landing(self, destination: Path | BinaryIO, form: SaveFormat) -> Iterator[Landing]:
        if form is SaveFormat.OCI_DIR:
            if not isinstance(destination, Path):
                raise Invalid("an OCI layout is a folder: say where with -o")
            with LayoutFolder(destination) as folder:
                yield folder
                folder.finish()
            return
        for_docker = form is SaveFormat.DOCKER_ARCHIVE
        if isinstance(destination, Path):
            with whole_file(destination) as stream:
                tar = TarLanding(stream, self.parts.settings.host, for_docker=for_docker)
                yield tar
                tar.finish()
            return
        tar = TarLanding(destination, self.parts.settings.host, for_docker=for_docker)
        yield tar
        tar.finish()

    def load(self, source: Path | BinaryIO, platform: str | None) -> Iterator[Loaded]:
        """Load the images of an archive one after the other; see `Images.load`."""
        store, host = self.parts.store, self.parts.settings.host
        wanted = parse_platform(platform, host) if platform and platform != _ALL else None
        with open_archive(source, store.root, self.cancel.check) as members:
            archive = read_archive(members)
            mountable = self.parts.snapshotting.mountable
            loader = Loader(store, self.listener, self.cancel, mountable=mountable)
            for image in archive.images:
                yield loader.load(archive, image, wanted)

    def import_rootfs(
        self,
        source: BinaryIO,
        shown: str,
        name: str | None,
        changes: Sequence[str],
        message: str | None,
        platform: str | None,
    ) -> Made:
        """Make an image of a root file system; see `Images.import_rootfs`."""
        reference = Reference.parse(name).with_default_tag() if name else None
        if reference is not None and reference.digest is not None:
            raise InvalidReference(f"cannot import under a digest: {name}; it is known when the image is made")
        host = self.parts.settings.host
        wishes = Wishes(
            created=created(self.parts.settings.environ),
            comment=message or f"Imported from {shown}",
            changes=changes,
            platform=parse_platform(platform, host) if platform else _plain(host),
        )
        return Importer(self.parts.store, self.cancel.check).bring(source, reference, wishes)


def _plain(host: Platform) -> Platform:
    """What an image for this machine says of itself: no version of its kernel."""
    return Platform(os=host.os, architecture=host.architecture, variant=host.variant)


def _ref_name(reference: Reference) -> str:
    return str(reference)
