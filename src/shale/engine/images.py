"""Images, for Python programs: what `shale image ...` does, with typed results and no output."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from shale.engine.image import Image
from shale.engine.mountverbs import MountVerbs
from shale.engine.parts import Parts
from shale.engine.policy import Policy
from shale.engine.verbs import ArchiveVerbs
from shale.errors import Invalid, NotFound
from shale.events import Listener, silent
from shale.image.filters import LIST_FILTERS, PRUNE_FILTERS, ImageFilters, parse_filters, truth
from shale.image.history import HistoryEntry, artifact_layers, image_history, image_layers
from shale.image.inspect import inspect_artifact, inspect_image
from shale.image.instants import parse_until
from shale.image.listing import ImageSummary, list_images
from shale.image.remove import Removal, Remover
from shale.image.resolve import select_platform
from shale.oci.reference import Reference

if TYPE_CHECKING:
    from shale.engine.transfers import Transfers
    from shale.image.pull import Pulled
    from shale.image.push import Pushed
    from shale.registry.client.cancel import Cancellation

__all__ = ["Images"]

_ALL: Final = "all"


class Images(MountVerbs, ArchiveVerbs):
    """The images of one engine's store. Safe to use from threads."""

    def __init__(self, parts: Parts) -> None:
        """Use these parts; `Engine.images` does it.

        Args:
            parts: of an open engine.
        """
        super().__init__(parts)
        self._store = parts.store
        self._host = parts.settings.host

    def pull(
        self,
        name: str,
        *,
        platform: str | None = None,
        policy: Policy = Policy.ALWAYS,
        listener: Listener = silent,
        cancel: Cancellation | None = None,
    ) -> Image:
        """Bring an image from its registry into the store; what is here already is not fetched again.

        Args:
            name: as on the command line: `nginx`, `localhost:5000/app:v1`, `debian@sha256:...`.
            platform: `linux/arm64`, say, or `all`; by default this machine's.
            policy: when to ask the registry.
            listener: told the progress, from several threads.
            cancel: stops it from another thread.

        Raises:
            NotFound, Unauthorized, Denied, Unavailable: what the registry says.
            Corrupt, Invalid: what came is not what it should be; nothing of it is named.
            Exhausted: the disk is full; what came is kept.
        """
        pulled = self._transfers(listener, cancel).pull(name, platform, policy)
        shown = platform if platform != _ALL else None
        return self.get(str(pulled.reference), platform=shown)

    def pull_all_tags(
        self, name: str, *, platform: str | None = None, listener: Listener = silent
    ) -> Sequence[Pulled]:
        """Bring every tag of a repository.

        Raises:
            Invalid: the name has a tag or a digest.
            ShaleError: as `pull`.
        """
        return self._transfers(listener, None).pull_all_tags(name, platform)

    def push(
        self,
        *names: str,
        platform: str | None = None,
        all_tags: bool = False,
        listener: Listener = silent,
        cancel: Cancellation | None = None,
    ) -> Sequence[Pushed]:
        """Send tags of one repository to its registry; what is there already is not sent again.

        Args:
            names: tags of one repository; the first may be the repository alone.
            platform: send only this platform of an index.
            all_tags: send every tag that the store has of the repository.
            listener: told the progress, from several threads.
            cancel: stops it from another thread.

        Raises:
            NotFound: no image of that name here.
            Invalid: names of several repositories at once.
            Unauthorized, Denied, Unavailable: what the registry says.
        """
        references = [Reference.parse(name) for name in names]
        if len({reference.name for reference in references}) != 1:
            raise Invalid("push takes tags of one repository at a time")
        first = references[0]
        if all_tags:
            references = [
                one.reference
                for one in self._store.names.all()
                if one.reference.name == first.name and one.reference.tag is not None
            ]
            if not references:
                raise NotFound(f"an image does not exist locally with the tag: {first.familiar_name}")
        else:
            references = [reference.with_default_tag() for reference in references]
        return self._transfers(listener, cancel).push(references, platform)

    def _transfers(self, listener: Listener, cancel: Cancellation | None) -> Transfers:
        """What speaks to registries: the client costs more to import than a list of images takes."""
        from shale.engine.transfers import Transfers  # noqa: PLC0415 - see above
        from shale.registry.client.cancel import Cancellation  # noqa: PLC0415 - see above

        return Transfers(self._parts, listener, cancel or Cancellation())

    def list(self, filters: Sequence[str] = ()) -> Sequence[ImageSummary]:
        """Images, the latest built first.

        Args:
            filters: `dangling=true`, `label=...`, `before=NAME`, `since=NAME`, `reference=PATTERN`,
                `until=...`.

        Raises:
            InvalidFilter: a filter is malformed.
            ImageNotFound: a filter names an image that is not here.
        """
        images = list_images(self._store, self._host)
        if not filters:
            return images
        parsed = parse_filters(filters, LIST_FILTERS)
        chosen = ImageFilters(parsed, find=self.find, moment=_moment)
        return [image for image in images if chosen.accept(image)]

    def get(self, name: str, *, platform: str | None = None) -> Image:
        """One image, looked into.

        Raises:
            NotFound: no such image, or not for that platform.
            Invalid: the name is malformed.
        """

        def look(summary: ImageSummary) -> Image:
            if not summary.platforms:
                layers = artifact_layers(self._store, summary.target)
                return Image(summary, None, layers, inspect_artifact(self._store, summary))
            chosen = select_platform(summary, platform, self._host)
            layers = image_layers(self._store, chosen)
            return Image(summary, chosen, layers, inspect_image(self._store, summary, chosen))

        return self._look(name, look)

    def inspect(self, name: str, *, platform: str | None = None) -> Mapping[str, Any]:
        """Everything about one image, as `docker image inspect` shows it; errors as `get`."""

        def look(summary: ImageSummary) -> Mapping[str, Any]:
            if not summary.platforms:
                return inspect_artifact(self._store, summary)
            return inspect_image(self._store, summary, select_platform(summary, platform, self._host))

        return self._look(name, look)

    def history(self, name: str, *, platform: str | None = None) -> Sequence[HistoryEntry]:
        """The steps of an image, the last one first; errors as `get`."""

        def look(summary: ImageSummary) -> Sequence[HistoryEntry]:
            tags = tuple(one.familiar for one in summary.names)
            return image_history(self._store, select_platform(summary, platform, self._host), tags)

        return self._look(name, look)

    def remove(self, name: str, *, force: bool = False, prune: bool = True) -> Removal:
        """Remove a tag, and with its last tag the image.

        Args:
            name: a name, digest or id.
            force: remove by id though several repositories name the image.
            prune: collect what nothing needs any more.

        Raises:
            ImageNotFound: no such image.
            ImageInUse: several repositories name it, or a container or a mount uses it.
        """
        return Remover(self._store, self._host).remove(name, force=force, prune=prune, command=f"rm {name}")

    def prune(self, *, all_images: bool = False, filters: Sequence[str] = (), dry_run: bool = False) -> Removal:
        """Remove images that nothing needs, and collect.

        Args:
            all_images: every image, not only those without a tag.
            filters: `label=...`, `label!=...`, `until=...`; `dangling=false` is the same as `all_images`.
            dry_run: only tell what would go, exactly.

        Raises:
            InvalidFilter: a filter is malformed.
        """
        parsed = parse_filters(filters, PRUNE_FILTERS)
        # To docker `dangling=false` is another word for --all, not a filter: what dangles goes as well.
        everything = all_images or not all(truth(text) for text in parsed.pop("dangling", ()))
        chosen = ImageFilters(parsed, find=self.find, moment=_moment)
        images = [image for image in self.list() if (everything or image.is_dangling) and chosen.accept(image)]
        return Remover(self._store, self._host).remove_images(images, "prune", rehearse=dry_run)


def _moment(text: str) -> float:
    """The time that a filter `until=` means, seconds since the epoch."""
    return parse_until(text, time.time_ns()) / 1e9
