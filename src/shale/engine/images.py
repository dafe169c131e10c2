"""Images, for Python programs: what `shale image ...` does, with typed results and no output."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from shale.engine.image import Image
from shale.engine.parts import Parts
from shale.engine.policy import Policy
from shale.engine.verbs import ArchiveVerbs
from shale.errors import Invalid, NotFound
from shale.events import Listener, silent
from shale.image.filters import LIST_FILTERS, PRUNE_FILTERS, ImageFilters, parse_filters
from shale.image.history import HistoryEntry, artifact_layers, image_history, image_layers
from shale.image.inspect import inspect_artifact, inspect_image
from shale.image.instants import parse_until
from shale.image.listing import ImageSummary, list_images
from shale.image.remove import Removal, Remover
from shale.image.resolve import ImageNotFound, find_image, select_platform
from shale.oci.digest import Digest
from shale.oci.reference import InvalidReference, Reference
from shale.store.names import LogEntry

if TYPE_CHECKING:
    from shale.engine.transfers import Transfers
    from shale.image.pull import Pulled
    from shale.image.push import Pushed
    from shale.registry.client.cancel import Cancellation

__all__ = ["Images"]

_ALL: Final = "all"


class Images(ArchiveVerbs):
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

    def find(self, name: str) -> ImageSummary:
        """The summary of one image, by name, digest, id or the beginning of an id.

        Raises:
            ImageNotFound, AmbiguousImage, InvalidReference: see `find_image`.
        """
        return find_image(self._store, name, self._host).image

    def get(self, name: str, *, platform: str | None = None) -> Image:
        """One image, looked into.

        Raises:
            NotFound: no such image, or not for that platform.
            Invalid: the name is malformed.
        """
        summary = self.find(name)
        if not summary.platforms:
            layers = artifact_layers(self._store, summary.target)
            return Image(summary, None, layers, inspect_artifact(self._store, summary))
        chosen = select_platform(summary, platform, self._host)
        return Image(
            summary,
            chosen,
            image_layers(self._store, chosen),
            inspect_image(self._store, summary, chosen),
        )

    def inspect(self, name: str, *, platform: str | None = None) -> Mapping[str, Any]:
        """Everything about one image, as `docker image inspect` shows it; errors as `get`."""
        summary = self.find(name)
        if not summary.platforms:
            return inspect_artifact(self._store, summary)
        return inspect_image(self._store, summary, select_platform(summary, platform, self._host))

    def history(self, name: str, *, platform: str | None = None) -> Sequence[HistoryEntry]:
        """The steps of an image, the last one first; errors as `get`."""
        summary = self.find(name)
        tags = tuple(one.familiar for one in summary.names)
        return image_history(self._store, select_platform(summary, platform, self._host), tags)

    def tag(self, source: str, target: str) -> Reference:
        """Give an image another name; the name is taken away from what it pointed at before.

        Args:
            source: a name, digest or id of an image that is here.
            target: the new name; without a tag it gets `latest`.

        Raises:
            ImageNotFound: no such image.
            InvalidReference: the target is no name, or has a digest.
        """
        reference = Reference.parse(target).with_default_tag()
        if reference.digest is not None:
            raise InvalidReference(f"refusing to create a tag with a digest reference: {target}")
        found = self.find(source)
        with self._store.leases.hold(f"tag {target}") as lease:
            lease.protect([found.target])
            self._point(reference, found.target, f"tag {source} {target}")
        return reference

    def _point(self, reference: Reference, target: Digest, command: str) -> None:
        """Move a name, unless its target was collected since we found it."""
        with self._store.database.write() as tx:
            if tx.row("SELECT 1 FROM manifests WHERE digest = ?", (str(target),)) is None:
                raise ImageNotFound(str(target))
            self._store.names.move(tx, reference, target, command)

    def untag(self, name: str) -> Reference:
        """Take one tag away and keep the image, even without a name.

        Raises:
            NameNotFound: nothing of that name.
        """
        reference = Reference.parse(name).with_default_tag()
        Remover(self._store, self._host).untag(reference, f"untag {name}")
        return reference

    def remove(self, name: str, *, force: bool = False, prune: bool = True) -> Removal:
        """Remove a tag, and with its last tag the image.

        Args:
            name: a name, digest or id.
            force: remove by id though several repositories name the image.
            prune: collect what nothing needs any more.

        Raises:
            ImageNotFound: no such image.
            ImageInUse: several repositories name it.
        """
        return Remover(self._store, self._host).remove(name, force=force, prune=prune, command=f"rm {name}")

    def prune(self, *, all_images: bool = False, filters: Sequence[str] = (), dry_run: bool = False) -> Removal:
        """Remove images that nothing needs, and collect.

        Args:
            all_images: every image, not only those without a name.
            filters: `label=...`, `label!=...`, `until=...`, `dangling=...`.
            dry_run: only tell what would go, exactly.

        Raises:
            InvalidFilter: a filter is malformed.
        """
        parsed = parse_filters(filters, PRUNE_FILTERS)
        chosen = ImageFilters(parsed, find=self.find, moment=_moment)
        everything = all_images or parsed.get("dangling") in (["false"], ["0"])
        images = [image for image in self.list() if (everything or image.is_dangling) and chosen.accept(image)]
        return Remover(self._store, self._host).remove_images(images, "prune", rehearse=dry_run)

    def reflog(self, name: str | None = None) -> Sequence[LogEntry]:
        """What a name (or every name) pointed at, the latest first."""
        reference = Reference.parse(name).with_default_tag() if name else None
        return self._store.names.log(reference)

    def restore(self, name: str, steps: int) -> Reference:
        """Point a name at what it pointed at before.

        Args:
            name: the name.
            steps: how many moves back; 1 is the one before the current.

        Raises:
            NotFound: the log does not reach so far, or that content is not here any more.
        """
        reference = Reference.parse(name).with_default_tag()
        log = self._store.names.log(reference)
        target = log[steps].target if 0 <= steps < len(log) else None
        if target is None:
            raise NotFound(f"{reference.familiar}@{{{steps}}} is not in the log; see shale reflog {name}")
        with self._store.leases.hold(f"restore {name}") as lease:
            lease.protect([target])
            if not self._store.content.has_manifest(target):
                raise NotFound(f"{reference.familiar}@{{{steps}}} was {target}, which is gone; pull it again")
            self._point(reference, target, f"restore {name}@{{{steps}}}")
        return reference


def _moment(text: str) -> float:
    """The time that a filter `until=` means, seconds since the epoch."""
    return parse_until(text, time.time_ns()) / 1e9
