"""Copying between registries, folders and archives, without a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from shale.engine.registries import Registries
from shale.engine.settings import Settings
from shale.errors import Invalid, NotFound
from shale.events import Listener, Notice
from shale.image.archive.contents import ArchivedImage, lacking
from shale.image.archive.layoutfolder import LayoutFolder
from shale.image.archive.opening import open_archive
from shale.image.archive.outfile import whole_file
from shale.image.archive.reading import Archive, read_archive
from shale.image.archive.tarlanding import TarLanding
from shale.image.copy import Copier
from shale.image.landing import Label, Landing
from shale.image.notation import Form, Place, parse_place
from shale.image.ports import Source
from shale.image.relay import RegistryLanding
from shale.image.remote import RemoteRepository
from shale.oci.digest import Digest
from shale.oci.platform import parse_platform
from shale.oci.reference import Reference
from shale.registry.client.cancel import Cancellation

__all__ = ["Copied", "Copies"]

_ALL: Final = "all"
_SPOOL: Final = "/var/tmp"  # noqa: S108 - large files, so not a folder in memory; they have no name there


class Copied(msgspec.Struct, frozen=True):
    """What was copied.

    Attributes:
        digest: of the manifest or index.
        documents: how many manifests and indexes it has.
    """

    digest: Digest
    documents: int


class _Opened(msgspec.Struct, frozen=True):
    """A source, and what of it is wanted."""

    source: Source
    wanted: Digest | str
    reference: Reference | None = None
    archive: Archive | None = None


class Copies(msgspec.Struct, frozen=True):
    """Copies of one engine's settings; the store is not touched.

    Attributes:
        settings: where configuration and credentials are.
        listener: told what happens.
        cancel: stops everything that is begun here.
    """

    settings: Settings
    listener: Listener
    cancel: Cancellation

    def copy(self, source: str, destination: str, platform: str | None = None) -> Copied:
        """Copy an image; see `Images.copy`."""
        taken, put = parse_place(source), parse_place(destination)
        host = self.settings.host
        wanted = parse_platform(platform, host) if platform and platform != _ALL else None
        with ExitStack() as stack:
            registries = Registries(self.settings, self.listener, self.cancel)
            stack.callback(registries.close)
            opened = stack.enter_context(self._open(registries, taken))
            landing, labels = stack.enter_context(self._land(registries, put, opened))
            self.listener(Notice(f"Copying {source} to {destination}"))
            missing = lacking(opened.archive.content, opened.archive.content.holds) if opened.archive else None
            copier = Copier(opened.source, self.listener, self.cancel)
            if missing is None:
                graph = copier.copy(opened.wanted, landing, labels, wanted)
            else:
                graph = copier.copy(opened.wanted, landing, labels, wanted, missing)
        return Copied(graph.root.digest, len(graph.nodes))

    @contextmanager
    def _open(self, registries: Registries, place: Place) -> Iterator[_Opened]:
        if place.form is Form.REGISTRY:
            reference = registries.read(place.path).with_default_tag()
            wanted = reference.digest or reference.tag
            assert wanted is not None
            yield _Opened(registries.repository(reference), wanted, reference)
            return
        with open_archive(Path(place.path), _spool(self.settings.environ), self.cancel.check) as members:
            archive = read_archive(members)
            yield _Opened(archive.content, _select(archive, place).target, archive=archive)

    @contextmanager
    def _land(
        self, registries: Registries, place: Place, opened: _Opened
    ) -> Iterator[tuple[Landing, list[Label]]]:
        match place.form:
            case Form.REGISTRY:
                yield self._land_on_registry(registries, place, opened)
            case Form.OCI:
                with LayoutFolder(Path(place.path)) as folder:
                    yield folder, _labels(place)
                    folder.finish()
            case Form.OCI_ARCHIVE | Form.DOCKER_ARCHIVE:
                with whole_file(Path(place.path)) as stream:
                    docker = place.form is Form.DOCKER_ARCHIVE
                    tar = TarLanding(stream, self.settings.host, for_docker=docker)
                    yield tar, _labels(place)
                    tar.finish()

    def _land_on_registry(
        self, registries: Registries, place: Place, opened: _Opened
    ) -> tuple[Landing, list[Label]]:
        reference = registries.read(place.path).with_default_tag()
        source = opened.reference

        def candidates(_: Digest, /) -> list[str]:
            """The source itself, where it is on the same registry."""
            same = source is not None and source.registry == reference.registry
            return [source.repository] if same and source and source.repository != reference.repository else []

        if reference.digest is not None and reference.digest != opened.wanted:
            raise Invalid(f"cannot copy to {place.path}: a digest cannot be chosen; name a tag")
        repository = RemoteRepository(registries.client.at(reference), candidates)
        labels = [Label(reference.tag)] if reference.tag is not None else []
        return RegistryLanding(repository, _spool(self.settings.environ)), labels


def _spool(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("TMPDIR") or _SPOOL)


def _labels(place: Place) -> list[Label]:
    if place.position is not None:
        raise Invalid(f"@{place.position} says which image to take; where it goes, name it")
    if place.label is None and place.reference is None:
        return []
    text = str(place.reference) if place.reference is not None else place.label
    return [Label(text, place.reference)]


def _select(archive: Archive, place: Place) -> ArchivedImage:
    """The image that a place means.

    Raises:
        NotFound: there is none of that name, or at that position.
        Invalid: there are several, and nothing says which.
    """
    images = archive.images
    shown = ", ".join(_shown(one) for one in images[:10])
    if place.position is not None:
        if place.position >= len(images):
            raise NotFound(f"{place.path} has {len(images)} images, none at position {place.position}")
        return images[place.position]
    if place.label is None and place.reference is None:
        if len(images) > 1:
            raise Invalid(f"{place.path} has {len(images)} images; choose one: {shown}")
        return images[0]
    for image in images:
        if _matches(image, place):
            return image
    raise NotFound(f"{place.path} has no image {place.label or place.reference}; there are: {shown}")


def _matches(image: ArchivedImage, place: Place) -> bool:
    if place.reference is not None:
        return place.reference in image.names
    return place.label in image.labels or any(place.label in (str(name), name.familiar) for name in image.names)


def _shown(image: ArchivedImage) -> str:
    texts = image.labels or tuple(name.familiar for name in image.names)
    return ", ".join(texts) or str(image.target)
